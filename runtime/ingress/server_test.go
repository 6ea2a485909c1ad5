package ingress

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"fnstore/runtime/ingress/ingresstest"
)

func addressPort(t *testing.T, hostport string) uint16 {
	t.Helper()
	ap, err := netip.ParseAddrPort(hostport)
	if err != nil {
		t.Fatal(err)
	}
	return ap.Port()
}

// tell answers with what is known of a request.
func tell(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s %s", r.Proto, Scheme(r), r.Host)
}

func TestServer_TLSSpeaksHTTP2AndHTTP1(t *testing.T) {
	cert, key := ingresstest.Certificate(t, t.TempDir(), "127.0.0.1")
	url, _ := serve(t, Config{CertFile: cert, KeyFile: key}, http.HandlerFunc(tell))
	host := strings.TrimPrefix(url, "https://")
	old := client(t, cert)
	old.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	for proto, c := range map[string]*http.Client{"HTTP/2.0": client(t, cert), "HTTP/1.1": old} {
		res, err := c.Get(url)
		if err != nil {
			t.Errorf("%s: %v", proto, err)
			continue
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if want := proto + " https " + host; err != nil || string(b) != want {
			t.Errorf("%s, %v; want %s", b, err, want)
		}
	}
	res, err := http.Get("http://" + host)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); res.StatusCode != 400 || !strings.Contains(string(b), "HTTPS") {
		t.Errorf("plain HTTP: %d %s", res.StatusCode, b)
	}
	if c, err := tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		_ = c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// Over the bound HTTP/2 answers 431 as HTTP/1.1 does, or ends the connection when
// one value alone is over it; a client that knows the bound does not even send
// them. The next request is as good as any.
func TestServer_HeadersHaveABoundOverHTTP2(t *testing.T) {
	cert, key := ingresstest.Certificate(t, t.TempDir(), "127.0.0.1")
	url, _ := serve(t, Config{CertFile: cert, KeyFile: key}, http.HandlerFunc(tell))
	c := client(t, cert)
	get := func(values, each int) (int, error) {
		req, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range values {
			req.Header.Set(fmt.Sprintf("X-Long-%d", i), strings.Repeat("a", each))
		}
		res, err := c.Do(req)
		if err != nil {
			return 0, err
		}
		_ = res.Body.Close()
		return res.StatusCode, nil
	}
	for _, tt := range []struct {
		values, each int
		taken        bool
	}{{60, 1000, true}, {1, 60 << 10, true}, {68, 1000, false}, {1, 70 << 10, false}, {1, 1000, true}} {
		code, err := get(tt.values, tt.each)
		if tt.taken && (code != 200 || err != nil) || !tt.taken && err == nil && code != 431 {
			t.Errorf("%d values of %d bytes: %d, %v", tt.values, tt.each, code, err)
		}
	}
}

// One connection has at most maxStreams calls under way. A client with more of them
// makes another connection.
func TestServer_StreamsOfAConnectionAreBounded(t *testing.T) {
	cert, key := ingresstest.Certificate(t, t.TempDir(), "127.0.0.1")
	begun, end := make(chan struct{}, 2*maxStreams), make(chan struct{})
	var mu sync.Mutex
	running, peak := map[string]int{}, 0
	url, _ := serve(t, Config{CertFile: cert, KeyFile: key}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			return
		}
		mu.Lock()
		running[r.RemoteAddr]++
		peak = max(peak, running[r.RemoteAddr])
		mu.Unlock()
		begun <- struct{}{}
		<-end
		mu.Lock()
		running[r.RemoteAddr]--
		mu.Unlock()
	}))
	c := client(t, cert)
	get := func(path string) error {
		res, err := c.Get(url + path)
		if err != nil {
			return err
		}
		return res.Body.Close()
	}
	if err := get("/first"); err != nil { // the client knows the bound from here on
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range maxStreams + 20 {
		all.Go(func() {
			if err := get("/"); err != nil {
				t.Error(err)
			}
		})
	}
	late := time.After(30 * time.Second)
	for n := range maxStreams + 20 { // of which this client makes another connection for some
		select {
		case <-begun:
		case <-late:
			t.Errorf("only %d calls begin", n)
			close(end)
			return
		}
	}
	close(end)
	all.Wait()
	if peak > maxStreams {
		t.Errorf("%d calls at once on one connection", peak)
	}
}
