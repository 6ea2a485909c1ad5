package image

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/runtime/stackfile"
)

// The store's own template and hello, built as fnstore up builds them; the
// stack file is the store's.
//
// Seed: R28
func TestHello_TheStoreBuildsHello(t *testing.T) {
	repo, root := repository(t), t.TempDir()
	for _, d := range []string{"template", "functions/hello", "kit"} {
		if err := os.CopyFS(filepath.Join(root, d), os.DirFS(filepath.Join(repo, d))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "stack.yml"} {
		text, err := os.ReadFile(filepath.Join(repo, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, name), string(text))
	}
	f, err := stackfile.Parse(filepath.Join(root, "stack.yml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	host, _ := serve(t)
	b := &Builder{Root: root, Work: filepath.Join(root, ".work"), Registry: host}
	r, err := b.Build(t.Context(), f, f.Function("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Build(t.Context(), f, f.Function("hello"), nil)
	if err != nil || !again.Cached || again.Digest != r.Digest {
		t.Errorf("again: got %+v, %v", again, err)
	}
	// A folder static beside the handler is what the program starts beside.
	write(t, filepath.Join(root, "functions/hello/static/css/page.css"), "p {}")
	if r, err = b.Build(t.Context(), f, f.Function("hello"), nil); err != nil || r.Digest == again.Digest {
		t.Fatalf("with static: %+v %v", r, err)
	}
	unpacked, err := Unpack(t.Context(), r.Pinned(), t.TempDir())
	if err != nil || !unpacked.Server {
		t.Fatalf("%+v %v", unpacked, err)
	}
	if text, err := os.ReadFile(filepath.Join(unpacked.Dir, "static/css/page.css")); err != nil || string(text) != "p {}" {
		t.Errorf("%q %v", text, err)
	}
	u, err := Unpack(t.Context(), r.Pinned(), filepath.Join(root, "unpacked"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(strings.Join(u.Env, " "), "ZONEINFO="+filepath.Join(filepath.Dir(u.Binary), zoneinfoFile)) {
		t.Errorf("got env %q", u.Env)
	}
	t.Logf("hello: %d bytes, %s", r.BinarySize, r.Digest)

	// It serves: the listener is handed over as descriptor 3.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), u.Binary)
	cmd.ExtraFiles = []*os.File{file}
	cmd.Env = append(u.Env, "LISTEN_FDS=1", "TMPDIR="+t.TempDir(), "metrics_port=0")
	var logs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &logs, &logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); t.Log(logs.String()) }()
	resp, err := http.Post("http://"+l.Addr().String(), "application/json", strings.NewReader(`{"name":"Ada"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil || !strings.Contains(body.String(), "Hello, Ada!") {
		t.Errorf("got %s %s, %v", resp.Status, &body, err)
	}
}
