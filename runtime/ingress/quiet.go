package ingress

import (
	"bytes"
	"log"
	"sync"
	"time"
)

// quietFor is how long the log says nothing more of broken connections.
const quietFor = 10 * time.Second

// quiet passes what net/http logs on to a logger. Of connections that strangers
// break, as scanners do all day, it passes one line in quietFor: they must not
// fill the disk.
type quiet struct {
	to  *log.Logger
	now func() time.Time

	mu   sync.Mutex
	next time.Time
}

func (q *quiet) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("http: TLS handshake error")) || bytes.HasPrefix(line, []byte("http2: ")) {
		q.mu.Lock()
		now := q.now()
		silent := now.Before(q.next)
		if !silent {
			q.next = now.Add(quietFor)
		}
		q.mu.Unlock()
		if silent {
			return len(line), nil
		}
	}
	q.to.Print(string(bytes.TrimRight(line, "\n")))
	return len(line), nil
}
