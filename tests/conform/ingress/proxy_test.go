package ingress

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/runtime/ingress/ingresstest"
)

// proxyConfig is what README tells to write, in a file of its own.
const proxyConfig = `%s
daemon off;
pid %[2]s/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	server {
		listen 127.0.0.1:%[3]d ssl http2;
		ssl_certificate %[2]s/tls.crt;
		ssl_certificate_key %[2]s/tls.key;
		client_max_body_size 64m;
		location / {
			proxy_pass %[4]s;
			proxy_http_version 1.1;
			proxy_buffering off;
			proxy_request_buffering off;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header X-Forwarded-Proto $scheme;
			proxy_set_header X-Forwarded-Host $http_host;
		}
	}
}
`

// README shows the part of the configuration that matters.
func TestProxy_READMEShowsTheProxyThatIsTested(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(proxyConfig) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "proxy_set_header") || strings.HasSuffix(line, "buffering off;") || strings.HasPrefix(line, "proxy_http_version") || strings.HasPrefix(line, "client_max") {
			if !strings.Contains(string(readme), line) {
				t.Errorf("README has no line %q", line)
			}
		}
	}
}

// proxy runs Debian's nginx with TLS in front of the store at url.
func proxy(t *testing.T, dir, url string) (port int) {
	t.Helper()
	nginx := program(t, "nginx")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close() // nginx opens it again
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, proxyConfig, user, dir, port, url), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-c", config, "-e", "stderr")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // its fast end; the workers go with it
		<-ended
		if t.Failed() {
			t.Log("nginx: " + said.String())
		}
	})
	settles(t, "nginx", func() bool {
		select {
		case <-ended:
			t.Fatal("nginx ended")
		default:
		}
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return port
}

// A store on loopback behind a proxy that has the certificate: functions see the
// proxy's client, and nobody else is believed.
func TestProxy_AStoreBehindATLSProxy(t *testing.T) {
	program(t, "nginx")
	program(t, "curl")
	dir := t.TempDir()
	cert, _ := ingresstest.Certificate(t, dir, "shop.example.com", "127.0.0.1")
	s := start(t, "FNSTORE_TRUSTED_PROXIES=127.0.0.1")
	port := proxy(t, dir, s.URL)
	named := fmt.Sprintf("shop.example.com:%d", port)
	// Each address of 127.0.0.0/8 is this machine's: the client has one of its own.
	client := []string{"--cacert", cert, "--interface", "127.0.0.2", "--resolve", named + ":127.0.0.1"}
	forged := []string{
		"-H", "X-Forwarded-For: 192.0.2.66", "-H", "X-Forwarded-Proto: http", "-H", "X-Forwarded-Host: evil.example.com",
		"-H", "Forwarded: for=192.0.2.66;proto=http;host=evil.example.com", "-H", "X-Real-Ip: 192.0.2.66",
	}
	call := append(client, "--http2", "-d", "hello", "https://"+named+"/function/probe")
	for _, args := range [][]string{call, append(call, forged...)} {
		a := curl(t, args...)
		a.wants(t, "a call through the proxy", "200", "2")
		p := a.probed(t)
		if p.forwarded() != "127.0.0.2 https "+named || p.Host != named || p.Sent != 5 || p.Header["X-Real-Ip"] != nil || p.Header["Forwarded"] != nil {
			t.Errorf("the function sees %+v", p)
		}
	}

	// Past the proxy, from an address that is not trusted.
	a := curl(t, append(forged, "--interface", "127.0.0.3", s.URL+"/function/probe")...)
	a.wants(t, "a call past the proxy", "200", "1.1")
	if got := a.probed(t).forwarded(); got != "127.0.0.3 http "+strings.TrimPrefix(s.URL, "http://") {
		t.Errorf("the function sees %s", got)
	}

	a = curl(t, append(client, "--http2", "https://"+named+"/function/probe?bytes=5000000")...)
	a.wants(t, "a large answer", "200", "2")
	if len(a.body) != 5000000 {
		t.Errorf("of a large answer came %d bytes", len(a.body))
	}
	t.Run("page", func(t *testing.T) { page(t, s, "https://"+named, client...) })
	t.Run("faas-cli", func(t *testing.T) { faasCLI(t, s, fmt.Sprintf("https://127.0.0.1:%d", port), cert) })
}
