package forward

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// Connections that no call uses are closed after a rest, and then nothing ticks.
func TestRest_ARestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{}, 8)
		s := To(func(context.Context) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				in := bufio.NewReader(server)
				for {
					if _, err := http.ReadRequest(in); err != nil {
						closed <- struct{}{}
						return
					}
					_, _ = io.WriteString(server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}()
			return client, nil
		})
		call := func() {
			r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://function/", nil)
			res, err := s.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
		}
		call()
		time.Sleep(idleTimeout / 2)
		s.mu.Lock()
		if len(s.idle) != 1 {
			t.Errorf("%d rest", len(s.idle))
		}
		s.mu.Unlock()
		time.Sleep(idleTimeout)
		<-closed
		s.mu.Lock()
		if len(s.idle) != 0 || s.reaper != nil {
			t.Errorf("%d rest, timer %v", len(s.idle), s.reaper)
		}
		s.mu.Unlock()
		call()
		s.Close()
		<-closed
	})
}
