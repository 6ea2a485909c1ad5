package server

import (
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

type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}
