package gateway

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// kinds are functions that answer "ID SIZE BODY" with the id, in ways that have
// led clients of HTTP to give an answer to somebody else.
var kinds = map[string]func(c net.Conn, id, body string) (last bool){
	"length": func(c net.Conn, id, body string) bool {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s %s", len(id)+1+len(body), id, body)
		return false
	},
	"chunks": func(c net.Conn, id, body string) bool {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s \r\n", len(id)+1, id)
		if body != "" {
			_, _ = fmt.Fprintf(c, "%x\r\n%s\r\n", len(body), body)
		}
		_, _ = io.WriteString(c, "0\r\nX-Late: 1\r\n\r\n")
		return false
	},
	"ends": func(c net.Conn, id, body string) bool {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n\r\n%s %s", id, body)
		return true
	},
	"closes": func(c net.Conn, id, body string) bool { // without saying so
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s %s", len(id)+1+len(body), id, body)
		return true
	},
	"twice": func(c net.Conn, id, body string) bool { // the second is nobody's
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s %sHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", len(id)+1+len(body), id, body)
		return false
	},
	"hints": func(c net.Conn, id, body string) bool {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s %s", len(id)+1+len(body), id, body)
		return false
	},
	"breaks": func(c net.Conn, id, _ string) bool { // there is no whole answer
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n%s", id)
		return true
	},
}

// Many clients send their requests without waiting for answers, to functions that
// frame theirs in every way. Each answer is the one to its request. CHAOS=full
// reads 100,000 of them.
func TestPipelined_EveryAnswerIsItsOwn(t *testing.T) {
	total := 4000
	if os.Getenv("CHAOS") == "full" {
		total = 100_000
	}
	functions, names := map[string]http.RoundTripper{}, []string{}
	for name, answers := range kinds {
		names = append(names, name)
		functions[name] = saying(t, func(c net.Conn, q *http.Request, more *bufio.Reader) {
			for err := error(nil); err == nil; q, err = http.ReadRequest(more) {
				body, err := io.ReadAll(q.Body)
				if err != nil || answers(c, q.Header.Get("X-Id"), string(body)) {
					return
				}
			}
		})
	}
	r := open(t, functions)
	const clients, depth = 16, 25
	var next, read, wrong, refused atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for read.Load() < int64(total) && !t.Failed() {
				n, w, x := pipeline(t, r.addr, names, depth, &next)
				read.Add(n)
				wrong.Add(w)
				refused.Add(x)
			}
		})
	}
	all.Wait()
	t.Logf("%d answers, %d of them 502 as the function broke off, %d wrong", read.Load(), refused.Load(), wrong.Load())
	if wrong.Load() > 0 {
		t.Errorf("%d answers are somebody else's", wrong.Load())
	}
}

// pipeline sends so many requests over one connection and reads their answers.
func pipeline(t *testing.T, addr string, names []string, depth int, next *atomic.Int64) (read, wrong, refused int64) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return 0, 0, 0
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(within))
	var requests strings.Builder
	var want, kind []string
	for range depth {
		id, name, body := fmt.Sprint("id-", next.Add(1)), names[rand.IntN(len(names))], ""
		switch rand.IntN(4) {
		case 0:
			body = strings.Repeat("b", rand.IntN(3000))
			fmt.Fprintf(&requests, "POST /function/%s HTTP/1.1\r\nHost: h\r\nX-Id: %s\r\nContent-Length: %d\r\n\r\n%s", name, id, len(body), body)
		case 1:
			body = strings.Repeat("c", 20_000) // both directions flow at once
			fmt.Fprintf(&requests, "POST /function/%s HTTP/1.1\r\nHost: h\r\nX-Id: %s\r\nContent-Length: %d\r\n\r\n%s", name, id, len(body), body)
		default:
			fmt.Fprintf(&requests, "GET /function/%s HTTP/1.1\r\nHost: h\r\nX-Id: %s\r\n\r\n", name, id)
		}
		want, kind = append(want, id+" "+body), append(kind, name)
	}
	go func() { _, _ = io.WriteString(c, requests.String()) }()
	in := bufio.NewReader(c)
	for i := range depth {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Errorf("no answer to %.20q of %s: %v", want[i], kind[i], err)
			return read, wrong, refused
		}
		body, err := io.ReadAll(res.Body)
		read++
		switch {
		case err != nil:
			t.Errorf("half an answer to %.20q of %s: %v", want[i], kind[i], err)
			return read, wrong, refused
		case (kind[i] == "breaks" || kind[i] == "closes") && res.StatusCode == http.StatusBadGateway:
			refused++ // a POST that meets a connection's end is not sent twice
		case res.StatusCode != http.StatusOK || string(body) != want[i]:
			wrong++
			t.Errorf("%s answered %d %.40q to %.40q", kind[i], res.StatusCode, body, want[i])
		}
		if res.Close { // as after an answer that came before its request's end
			return read, wrong, refused
		}
	}
	return read, wrong, refused
}
