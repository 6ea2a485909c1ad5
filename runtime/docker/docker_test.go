package docker

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/runtime/provider"
	"fnstore/runtime/secrets"
)

// What runs in an engine is in tests/docker; here is what can be seen without.

func piece(stream byte, text string) []byte {
	head := make([]byte, 8)
	head[0] = stream
	binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
	return append(head, text...)
}

func TestFrames_AreJoined(t *testing.T) {
	in := slices.Concat(piece(1, "one\nt"), piece(2, ""), piece(2, "wo\n"))
	for _, r := range []io.Reader{bytes.NewReader(in), &slow{in}} {
		if got, err := io.ReadAll(&frames{r: r}); err != nil || string(got) != "one\ntwo\n" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got, err := io.ReadAll(&frames{r: bytes.NewReader(in[:10])}); err != nil || string(got) != "on" {
		t.Errorf("cut off: %q, %v", got, err)
	}
	if _, err := io.ReadAll(&frames{r: strings.NewReader("HTTP/1.1 200 OK")}); err == nil {
		t.Error("text passes for pieces")
	}
}

// slow gives one byte at a time.
type slow struct{ left []byte }

func (s *slow) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:1], s.left)
	s.left = s.left[n:]
	return n, nil
}

func FuzzFrames(f *testing.F) {
	f.Add(piece(1, "text"))
	f.Add(slices.Concat(piece(1, ""), piece(2, "x"), []byte{3}))
	f.Add([]byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 'x'})
	f.Fuzz(func(t *testing.T, in []byte) {
		got, _ := io.ReadAll(&frames{r: bytes.NewReader(in)})
		if len(got) > len(in) {
			t.Errorf("%d bytes of %d", len(got), len(in))
		}
	})
}

func FuzzLoopback(f *testing.F) {
	for _, s := range []string{"postgres://a:b@127.0.0.1:5432/db", "http://[::1]:9000", "http://localhost/", "http://example.com", "word", "://", "http://0.0.0.0:1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if u, ok := loopback(in); ok && u.Host == "" {
			t.Errorf("%q has no host", in)
		}
	})
}

func TestLoopback_IsRecognised(t *testing.T) {
	for value, want := range map[string]bool{
		"postgres://a:b@127.0.0.1:5432/db": true, "redis://localhost:6379": true, "http://k:s@[::1]:9000": true, "http://127.1.2.3": true, "http://0.0.0.0:1": true,
		"http://10.0.0.1:9000": false, "http://db.internal": false, "a secret word": false, "127.0.0.1": false, "": false, "localhost:80": false,
	} {
		if _, ok := loopback([]byte(value)); ok != want {
			t.Errorf("%q: %v", value, ok)
		}
	}
}

func rig(t *testing.T, services ...string) *Backend {
	vault, err := secrets.Open(filepath.Join(t.TempDir(), "vault"))
	if err != nil {
		t.Fatal(err)
	}
	n := &network{Name: "fnstore-x", services: services, forwards: map[string]net.Listener{}}
	n.IPAM.Config = []struct{ Subnet, Gateway string }{{"fd00::/64", ""}, {"127.0.0.0/8", "127.0.0.1"}}
	t.Cleanup(func() {
		for _, l := range n.forwards {
			_ = l.Close()
		}
	})
	return &Backend{cfg: Config{Secrets: vault}, network: n, id: "x"}
}

// A secret that is a URL of one of the store's services leads there from a
// container; every other one stays as it is, byte for byte.
func TestNetwork_SecretsReachServices(t *testing.T) {
	service, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	go func() {
		for {
			c, err := service.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	b := rig(t, service.Addr().String())
	for n, v := range map[string]string{"db": "postgres://u:p%40ss@" + service.Addr().String() + "/db?sslmode=disable", "word": "open sesame\n"} {
		if err := b.cfg.Secrets.Put(n, []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	home := filepath.Join(t.TempDir(), "f")
	p := &program{b: b, spec: provider.Spec{Home: home, Deployment: types.FunctionDeployment{Service: "f", Secrets: []string{"db", "word"}}}}
	if err := p.Refresh(); err != nil {
		t.Fatal(err)
	}
	read := func(n string) string {
		v, err := os.ReadFile(filepath.Join(home, "secrets", n))
		if err != nil {
			t.Fatal(err)
		}
		return string(v)
	}
	if got := read("word"); got != "open sesame\n" {
		t.Errorf("word: %q", got)
	}
	u, err := url.Parse(read("db"))
	if err != nil || u.Host == service.Addr().String() || u.Path != "/db" || u.RawQuery != "sslmode=disable" || u.User.String() != "u:p%40ss" {
		t.Fatalf("db: %v, %v", u, err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("echo")); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "echo" {
		t.Errorf("through the forwarded port: %q, %v", got, err)
	}
	// Nobody else may enter, and what is no longer asked for goes.
	if i, err := os.Stat(home); err != nil || i.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", i, err)
	}
	p.spec.Deployment.Secrets = []string{"db"}
	if err := p.Refresh(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(home, "secrets", "word")); !os.IsNotExist(err) {
		t.Errorf("word is still there: %v", err)
	}
}

func TestForward_RefusesOtherNetworks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go forwardConns(l, netip.MustParsePrefix("172.18.0.0/16"), "127.0.0.1:1")
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a stranger is served")
	}
}

func TestCheck_UnreachableServicesAreRefused(t *testing.T) {
	b := rig(t, "127.0.0.1:9000")
	for n, v := range map[string]string{"near": "http://a:b@127.0.0.1:9000", "far": "http://127.0.0.1:1", "other": "http://10.0.0.1"} {
		if err := b.cfg.Secrets.Put(n, []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Check(types.FunctionDeployment{Secrets: []string{"near", "other"}, EnvVars: map[string]string{"A": "http://db"}}); err != nil {
		t.Error(err)
	}
	for _, d := range []types.FunctionDeployment{{Secrets: []string{"far"}}, {EnvVars: map[string]string{"DB": "postgres://localhost:5432/x"}}} {
		if err := b.Check(d); fault.Of(err).Code != "service_unreachable" {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

func TestContainer_Settings(t *testing.T) {
	b := rig(t)
	spec := provider.Spec{Home: "/h", Limits: provider.Limits{Memory: 64 << 20, CPU: 500}, Deployment: types.FunctionDeployment{
		Service: "f", EnvProcess: "python x.py", EnvVars: map[string]string{"A": "1", "secret_mount_path": "/etc", "port": "9090"}}}
	raw, err := json.Marshal(b.form(spec, "r@sha256:0", []string{"PATH=/bin"}))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		User         string
		Env          []string
		ExposedPorts map[string]any
		HostConfig   struct {
			ReadonlyRootfs   bool
			Memory, NanoCpus int64
			PortBindings     map[string]any
			NetworkMode      string
		}
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"A=1", "GOMEMLIMIT=60397974", "OPENFAAS_NAME=f", "fprocess=python x.py", "secret_mount_path=/var/openfaas/secrets"} {
		if !slices.Contains(got.Env, want) {
			t.Errorf("no %s in %q", want, got.Env)
		}
	}
	h := got.HostConfig
	if slices.Contains(got.Env, "secret_mount_path=/etc") || got.ExposedPorts["9090/tcp"] == nil || got.User != user ||
		!h.ReadonlyRootfs || h.Memory != 64<<20 || h.NanoCpus != 500e6 || h.PortBindings != nil || h.NetworkMode != "fnstore-x" {
		t.Errorf("%s", raw)
	}
	// What the image or the deployment says of the Go runtime's limit wins.
	if env := environment(spec, []string{"GOMEMLIMIT=1MiB"}); slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "GOMEMLIMIT") }) {
		t.Errorf("%q", env)
	}
}

func TestImage_NamesAreTheEngines(t *testing.T) {
	for ref, want := range map[string]string{
		"127.0.0.1:5000/a/b:1": "127.0.0.1:5000/a/b:1", "nginx": "nginx:latest", "openfaas/x:2": "openfaas/x:2",
		"ghcr.io/o/f": "ghcr.io/o/f:latest", "ghcr.io/o/f@sha256:" + strings.Repeat("0", 64): "ghcr.io/o/f@sha256:" + strings.Repeat("0", 64),
	} {
		r, err := name.ParseReference(ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := plain(r); got != want {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}

func TestConnect_EngineMustBeLocalAndSpeakOurAPI(t *testing.T) {
	if _, err := connect(t.Context(), "tcp://10.0.0.1:2375"); err == nil || !strings.Contains(err.Error(), "this machine") {
		t.Errorf("%v", err)
	}
	if _, err := connect(t.Context(), "unix:///nowhere/docker.sock"); err == nil || !strings.Contains(err.Error(), "/nowhere/docker.sock") {
		t.Errorf("%v", err)
	}
	if !newer("1.41", "1.9") || newer("1.41", "1.41") || newer("1.24", "1.41") || !newer("2.0", "1.99") {
		t.Error("versions are not numbers")
	}
}
