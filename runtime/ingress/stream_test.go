package ingress

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"time"

	"fnstore/runtime/ingress/ingresstest"
)

// streams serves h over HTTP/2 alone and gives what to call it with.
func streams(t *testing.T, stall time.Duration, h http.HandlerFunc) (c *http.Client, url string) {
	t.Helper()
	cert, key := ingresstest.Certificate(t, t.TempDir(), "127.0.0.1")
	in, err := New(Config{CertFile: cert, KeyFile: key})
	if err != nil {
		t.Fatal(err)
	}
	l, err := in.Listen()
	if err != nil {
		t.Fatal(err)
	}
	return client(t, cert), run(t, in, l, in.withStreams(h, MaxStreamsPerAddress, stall))
}

// A client that takes nothing of a stream's answer, while its connection is alive,
// does not keep the handler for ever.
func TestStream_AStreamThatTakesNothingEnds(t *testing.T) {
	over := make(chan error, 1)
	c, url := streams(t, 50*time.Millisecond, func(w http.ResponseWriter, _ *http.Request) {
		for piece := make([]byte, 1<<20); ; {
			if _, err := w.Write(piece); err != nil {
				over <- err
				return
			}
		}
	})
	res, err := c.Get(url) // and its body is not read
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := <-over; err == nil {
		t.Error("it ended without an error")
	}
}

// Deadlines of a stream count while it is read or written, as a connection's do.
func TestStream_DeadlinesDoNotCountWhileAHandlerThinks(t *testing.T) {
	think := 200 * time.Millisecond // longer than each deadline
	c, url := streams(t, 50*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := errors.Join(control.EnableFullDuplex(), control.SetWriteDeadline(time.Now().Add(time.Hour))); err != nil && !errors.Is(err, http.ErrNotSupported) {
			t.Error(err)
		}
		for buf := make([]byte, 4<<10); ; {
			_ = control.SetReadDeadline(time.Now().Add(think / 4)) // what comes is there already
			n, err := r.Body.Read(buf)
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
			time.Sleep(think) // what is tested is that it does not count
			if _, err := w.Write(buf[:n]); err != nil {
				t.Errorf("write: %v", err)
			}
			if err := control.Flush(); err != nil {
				t.Errorf("flush: %v", err)
			}
		}
	})
	res, err := c.Post(url, "text/plain", bytes.NewReader(make([]byte, 16<<10)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); len(b) != 16<<10 || err != nil {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// A deadline ends a Read that waits, and one that is set meanwhile does.
func TestStream_ADeadlineEndsAReadThatWaits(t *testing.T) {
	for name, set := range map[string]func(*http.ResponseController){
		"before": func(c *http.ResponseController) { _ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) },
		"meanwhile": func(c *http.ResponseController) {
			go func() { time.Sleep(20 * time.Millisecond); _ = c.SetReadDeadline(time.Unix(1, 0)) }()
		},
		"past": func(c *http.ResponseController) { _ = c.SetReadDeadline(time.Unix(1, 0)) },
	} {
		c, url := streams(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
			set(http.NewResponseController(w))
			if _, err := io.ReadAll(r.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		})
		body, more := io.Pipe() // nothing comes
		res, err := c.Post(url, "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = res.Body.Close(), more.Close()
	}
}

// Who keeps an answer's controller beyond its handler breaks nothing.
func TestStream_ADeadlineAfterTheEndIsNobodys(t *testing.T) {
	kept := make(chan *http.ResponseController, 1)
	c, url := streams(t, time.Minute, func(w http.ResponseWriter, r *http.Request) { kept <- http.NewResponseController(w) })
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	control := <-kept
	for _, at := range []time.Time{{}, time.Unix(1, 0), time.Now().Add(time.Hour)} {
		_, _ = control.SetReadDeadline(at), control.SetWriteDeadline(at)
	}
	if res, err = c.Get(url); err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	<-kept
}

func TestStreams_OfAnAddressAreBounded(t *testing.T) {
	in, err := New(Config{TrustedProxies: "10.0.0.5"})
	if err != nil {
		t.Fatal(err)
	}
	begun, end := make(chan struct{}), make(chan struct{})
	h := in.withStreams(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { begun <- struct{}{}; <-end }), 2, time.Minute)
	call := func(peer string, proto int) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.ProtoMajor = netip.MustParseAddrPort(peer).String(), proto
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, peer := range []string{"192.0.2.1:1", "192.0.2.1:2", "10.0.0.5:1", "10.0.0.5:2", "10.0.0.5:3", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"} {
		go call(peer, 2)
		<-begun
	}
	if w := call("192.0.2.1:3", 2); w.Code != 503 || w.Header().Get("Retry-After") == "" || !bytes.Contains(w.Body.Bytes(), []byte("too_many_streams")) {
		t.Errorf("one more: %d %v %s", w.Code, w.Header(), w.Body)
	}
	go call("192.0.2.2:1", 2)
	<-begun
	go call("192.0.2.1:4", 1) // over HTTP/1.1 its connection was counted
	<-begun
	close(end)
}
