package ingress

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// serve opens a port with the settings and gives its URL.
func serve(t *testing.T, c Config, h http.Handler) (url string, in *Ingress) {
	t.Helper()
	in, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := in.Listen()
	if err != nil {
		t.Fatal(err)
	}
	return run(t, in, l, h), in
}

func run(t *testing.T, in *Ingress, l net.Listener, h http.Handler) (url string) {
	t.Helper()
	srv := in.Server(&http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 64 << 10})
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := srv.Serve(l); err != http.ErrServerClosed {
			t.Errorf("the server ended: %v", err)
		}
	}()
	t.Cleanup(func() { _ = srv.Close(); <-over })
	return in.URL(l)
}

// client trusts the certificate alone, and speaks HTTP/2 where it is offered.
func client(t *testing.T, certFile string) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}
