package forward

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
)

// Whatever a server says, a call ends: with an answer that can be read to its
// end or its error, or with an error.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, says []byte, upgrade bool) {
		s := To(func(context.Context) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				if _, err := http.ReadRequest(bufio.NewReader(server)); err == nil {
					_, _ = server.Write(says)
				}
			}()
			return client, nil
		})
		defer s.Close()
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://function/", nil)
		if upgrade {
			r.Header["Upgrade"], r.Header["Connection"] = []string{"websocket"}, []string{"Upgrade"}
		}
		res, err := s.RoundTrip(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}
