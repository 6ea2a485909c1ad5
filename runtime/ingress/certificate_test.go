package ingress

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"

	"fnstore/runtime/ingress/ingresstest"
)

// shown is what a handshake shows: the first name of the certificate.
func shown(t *testing.T, c *certificate) string {
	t.Helper()
	pair, err := c.get(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.DNSNames[0]
}

func TestCertificate_ACertificateIsReplacedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := ingresstest.Certificate(t, dir, "first")
	c, err := readCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ingresstest.Certificate(t, dir, "second")
	if got := shown(t, c); got != "first" {
		t.Errorf("the files were read for each handshake: %s", got)
	}
	c.reload = 0
	if got := shown(t, c); got != "second" {
		t.Errorf("after the change: %s", got)
	}
}

// Whatever is wrong with new files, the old certificate stays, and a good one is
// used as soon as it is there.
func TestCertificate_ABadNewCertificateKeepsTheOldOne(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := ingresstest.Certificate(t, dir, "good")
	c, err := readCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	c.reload = 0
	cert, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() error{
		"no PEM":            func() error { return os.WriteFile(certFile, []byte("certificate"), 0o600) },
		"half a file":       func() error { return os.WriteFile(certFile, cert[:len(cert)/2], 0o600) },
		"empty":             func() error { return os.Truncate(keyFile, 0) },
		"gone":              func() error { return os.Remove(keyFile) },
		"of another key":    func() error { ingresstest.Certificate(t, dir, "other"); return os.WriteFile(certFile, cert, 0o600) },
		"a folder":          func() error { _ = os.Remove(keyFile); return os.Mkdir(keyFile, 0o700) },
		"expired yesterday": func() error { ingresstest.Expired(t, dir, "expired"); return nil },
	} {
		before := shown(t, c)
		if err := spoil(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 2 {
			if got := shown(t, c); got != before {
				t.Errorf("%s: %s is shown", name, got)
			}
		}
		if c.failed == "" {
			t.Errorf("%s: nothing was said", name)
		}
		_ = os.Remove(keyFile)
		ingresstest.Certificate(t, dir, "after")
		if got := shown(t, c); got != "after" || c.failed != "" {
			t.Errorf("after %s: %s, %s", name, got, c.failed)
		}
	}
}

// Clients of a port that serves see the new certificate, whichever protocol they
// speak, and calls that run go on.
func TestCertificate_ServingGoesOnWhileACertificateIsReplaced(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := ingresstest.Certificate(t, dir, "localhost")
	begun, end := make(chan struct{}), make(chan struct{})
	url, in := serve(t, Config{CertFile: certFile, KeyFile: keyFile}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			close(begun)
			<-end
		}
		_, _ = io.WriteString(w, r.Proto)
	}))
	in.certificate.reload = 0
	old := client(t, certFile)
	long := make(chan string, 1)
	go func() {
		res, err := old.Get(url + "/long")
		if err != nil {
			long <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body) // what could be read is compared
		long <- string(b)
	}()
	<-begun
	late := client(t, certFile) // it connects after the change and trusts the old one
	ingresstest.Certificate(t, dir, "localhost")
	res, err := client(t, certFile).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res, err := late.Get(url); err == nil {
		_ = res.Body.Close()
		t.Error("the old certificate is still shown")
	}
	close(end)
	if got := <-long; got != "HTTP/2.0" {
		t.Errorf("the call that ran: %s", got)
	}
}

func TestCertificate_HandshakesDoNotWaitForEachOther(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := ingresstest.Certificate(t, dir, "same")
	c, err := readCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	c.reload = 0
	c.mu.Lock() // one looks at files on a disk that does not answer
	defer c.mu.Unlock()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if pair, err := c.get(nil); err != nil || pair == nil {
				t.Error(pair, err)
			}
		})
	}
	all.Wait()
}
