package server

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkOverhead is what the function server adds to net/http for one call,
// network left out: compare the two.
func BenchmarkOverhead(b *testing.B) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	s := &server{handler: echo, lines: &lines{out: io.Discard}, log: discard}
	s.settings, _ = readSettings(func(string) (string, bool) { return "", false })
	payload := strings.Repeat("x", 1024)
	for name, h := range map[string]http.Handler{"bare": echo, "function": s} {
		b.Run(name, func(b *testing.B) {
			near, far := net.Pipe()
			defer near.Close()
			defer far.Close()
			base := carried(b.Context(), &link{Conn: near})
			b.ReportAllocs()
			for b.Loop() {
				r, _ := http.NewRequestWithContext(base, "POST", "/", strings.NewReader(payload))
				r.Header[callIDHeader] = []string{"0b9c1b1e-6a37-4b6e-9f0a-0123456789ab"}
				h.ServeHTTP(&sink{h: http.Header{}}, r)
			}
		})
	}
}

// BenchmarkCall is one call on a connection that stays, as a gateway makes it,
// network and client included. Half of the processors' work is the client's.
func BenchmarkCall(b *testing.B) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	request := []byte("POST / HTTP/1.1\r\nHost: f\r\nX-Call-Id: 0b9c1b1e-6a37-4b6e-9f0a-0123456789ab\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024))
	for _, name := range []string{"bare", "function"} {
		b.Run(name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			web, through := &http.Server{Handler: echo}, ln
			if name == "function" {
				s := &server{handler: echo, lines: &lines{out: io.Discard}, log: discard}
				s.settings, _ = readSettings(func(string) (string, bool) { return "", false })
				s.gate = newGate(ln, s.connections)
				web, through = s.web(), s.gate
			}
			go web.Serve(through)
			defer web.Close()
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			answer := make([]byte, 8<<10)
			b.ReportAllocs()
			for b.Loop() {
				conn.Write(request)
				for n := 0; !bytes.HasSuffix(answer[:n], request[len(request)-1024:]); {
					m, err := conn.Read(answer[n:])
					if err != nil {
						b.Fatal(err)
					}
					n += m
				}
			}
		})
	}
}

type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}
