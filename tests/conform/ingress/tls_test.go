package ingress

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/runtime/ingress/ingresstest"
	"fnstore/tests/storetest"
)

// A store that is open to a network, with a certificate that the test made.
func TestTLS_AStoreWithItsOwnCertificate(t *testing.T) {
	program(t, "curl")
	dir := t.TempDir()
	names := []string{"store.example.com", "localhost", "127.0.0.1"}
	cert, key := ingresstest.Certificate(t, dir, names...)
	s := start(t, "FNSTORE_LISTEN=0.0.0.0", "FNSTORE_TLS_CERT="+cert, "FNSTORE_TLS_KEY="+key)
	if !strings.HasPrefix(s.URL, "https://127.0.0.1:") || s.Env["SSL_CERT_FILE"] != cert {
		t.Fatalf(".fnstore/env says %s, to be trusted by %q", s.URL, s.Env["SSL_CERT_FILE"])
	}
	t.Run("calls", func(t *testing.T) { callsOverTLS(t, s, cert) })
	t.Run("page", func(t *testing.T) { page(t, s, s.URL, "--cacert", cert) })
	t.Run("own calls", func(t *testing.T) { ownCalls(t, s, cert) })
	t.Run("faas-cli", func(t *testing.T) { faasCLI(t, s, s.URL, cert) })
	t.Run("replaced", func(t *testing.T) { replaced(t, s, dir, names) })
}

func callsOverTLS(t *testing.T, s *storetest.Store, cert string) {
	at := strings.TrimPrefix(s.URL, "https://")
	port := at[strings.LastIndexByte(at, ':')+1:]
	named := []string{"--http2", "--cacert", cert, "--resolve", "store.example.com:" + port + ":127.0.0.1"}
	call := "https://store.example.com:" + port + "/function/probe"
	for version, args := range map[string][]string{"2": {"--http2"}, "1.1": {"--http1.1"}} {
		a := curl(t, append(args, "--cacert", cert, "-d", "hello", s.URL+"/function/probe",
			"-H", "X-Forwarded-For: 192.0.2.66", "-H", "X-Forwarded-Proto: http", "-H", "Forwarded: for=192.0.2.66;host=evil")...)
		a.wants(t, "a call", "200", version)
		p := a.probed(t)
		if p.forwarded() != "127.0.0.1 https "+at || p.Host != at || p.Sent != 5 || p.Header["Forwarded"] != nil {
			t.Errorf("the function sees %+v", p)
		}
	}
	a := curl(t, append(named, call)...)
	a.wants(t, "by name", "200", "2")
	if p := a.probed(t); p.Host != "store.example.com:"+port {
		t.Errorf("the function sees %+v", p)
	}

	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, make([]byte, 5<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	a = curl(t, append(named, "--data-binary", "@"+large, call)...)
	a.wants(t, "a large body", "200", "2")
	if p := a.probed(t); p.Sent != 5<<20 {
		t.Errorf("of a large body came %d bytes", p.Sent)
	}
	a = curl(t, append(named, call+"?bytes=5000000")...)
	a.wants(t, "a large answer", "200", "2")
	if len(a.body) != 5000000 {
		t.Errorf("of a large answer came %d bytes", len(a.body))
	}

	many := named
	for i := range 70 {
		many = append(many, "-H", fmt.Sprintf("X-Long-%d: %s", i, strings.Repeat("a", 1000)))
	}
	if a, err := tryCurl(t, append(many, call)...); err == nil && a.code != "431" { // else the connection ended
		t.Errorf("70 kB of headers: %+v", a)
	}
	curl(t, append(named, call)...).wants(t, "the call after", "200", "2")

	// 200 calls at once on one connection: the client waits for a stream.
	a = curl(t, append(named, "-Z", "--parallel-max", "200", "-w", "%{http_code} %{http_version}\n", "-o", "/dev/null", call+"?n=[1-200]")...)
	if n := strings.Count(a.body+"\n"+a.code+" "+a.version, "200 2"); n != 200 {
		t.Errorf("%d of 200 calls are 200 over HTTP/2", n)
	}
	if a := curl(t, "http://"+at+"/healthz"); a.code != "400" || !strings.Contains(a.body, "HTTPS") {
		t.Errorf("plain HTTP: %+v", a)
	}
}

// page uses /ui/ as a browser does, which says where a request comes from.
func page(t *testing.T, s *storetest.Store, base string, args ...string) {
	t.Helper()
	curl(t, append(args, "--http2", base+"/ui/")...).wants(t, "without a password", "401", "2")
	args = append(args, "--http2", "-u", s.User+":"+s.Password)
	a := curl(t, append(args, base+"/ui/")...)
	a.wants(t, "the page", "200", "2")
	if !strings.Contains(a.body, "<html") {
		t.Errorf("the page: %.200s", a.body)
	}
	curl(t, append(args, base+"/")...).wants(t, "the way to the page", "307", "2")
	for origin, code := range map[string]string{base: "200", "https://evil.example.com": "403", "": "200"} {
		call := append(args, "-X", "POST", "-d", "hello", base+"/ui/call/probe")
		if origin != "" {
			call = append(call, "-H", "Origin: "+origin)
		}
		curl(t, call...).wants(t, "a call from "+origin, code, "2")
	}
}

// ownCalls are what the store does itself, and its commands.
func ownCalls(t *testing.T, s *storetest.Store, cert string) {
	a := curl(t, "--http2", "--cacert", cert, "-D", "-", "-d", "later", s.URL+"/async-function/probe")
	a.wants(t, "an async call", "202", "2")
	var id string
	for line := range strings.Lines(a.body) {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "X-Call-Id") {
			id = strings.TrimSpace(value)
		}
	}
	settles(t, "delivery of "+id, func() bool {
		return strings.Contains(curl(t, "--cacert", cert, "-u", s.User+":"+s.Password, s.URL+"/system/calls/"+url.PathEscape(id)).body, `"done"`)
	})
	invoke := s.Command("invoke", "probe")
	invoke.Stdin = strings.NewReader("hello")
	if out, err := invoke.CombinedOutput(); err != nil || !strings.Contains(string(out), `"sent":5`) {
		t.Errorf("fnstore invoke: %v %s", err, out)
	}
	if out, err := s.Command("list").CombinedOutput(); err != nil || !strings.Contains(string(out), "probe") {
		t.Errorf("fnstore list: %v %s", err, out)
	}
}

// replaced puts other files in the place of the certificate's while the store runs.
func replaced(t *testing.T, s *storetest.Store, dir string, names []string) {
	old := filepath.Join(t.TempDir(), "old.crt")
	put(t, filepath.Join(dir, "tls.crt"), old)
	answers := func(cert string) bool {
		a, err := tryCurl(t, "--http2", "--cacert", cert, s.URL+"/healthz")
		return err == nil && a.code == "200"
	}
	if !answers(old) {
		t.Fatal("the store does not answer")
	}
	cert, _ := ingresstest.Certificate(t, dir, names...)
	settles(t, "the new certificate is shown", func() bool { return answers(cert) })
	if answers(old) {
		t.Error("the old certificate is shown, too")
	}
	put(t, cert, old)
	if err := os.WriteFile(cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	settles(t, "a bad file is logged", func() bool {
		if !answers(old) {
			t.Fatal("a bad file is used")
		}
		b, err := os.ReadFile(filepath.Join(s.State, "fnstore.log"))
		return err == nil && strings.Contains(string(b), "the new certificate is not used")
	})
}

// Nothing is opened beyond loopback without TLS, and the reason says what to do.
func TestTLS_UpRefusesAnOpenPortWithoutTLS(t *testing.T) {
	s := start(t)
	if !strings.HasPrefix(s.URL, "http://127.0.0.1:") || s.Env["SSL_CERT_FILE"] != "" {
		t.Errorf(".fnstore/env says %s, to be trusted by %q", s.URL, s.Env["SSL_CERT_FILE"])
	}
	for says, args := range map[string][]string{
		"--tls-cert":        {"--listen", "0.0.0.0"},
		"--trusted-proxies": {"--listen", "::"},
		"not an IP address": {"--listen", "everywhere"},
		"--tls-key":         {"--tls-cert", "/dev/null"},
		"no such file":      {"--tls-cert", "/none", "--tls-key", "/none"},
		"every address":     {"--trusted-proxies", "0.0.0.0/0"},
	} {
		out, err := s.Command(append([]string{"up", "--state", t.TempDir()}, args...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), says) {
			t.Errorf("up %s: %v, it does not say %q: %s", strings.Join(args, " "), err, says, out)
		}
	}
}
