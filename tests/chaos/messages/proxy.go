package messages

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy is the network between the nodes and Postgres. It can be cut at any
// moment, also between a COMMIT and its answer, when nobody but the server knows
// whether it counts.
type proxy struct {
	net.Listener
	to atomic.Pointer[string] // Postgres' address

	mu    sync.Mutex
	links map[*link]bool

	commits atomic.Int64 // to cut after the next so many COMMITs have gone through
	answers atomic.Int64 // to cut before the next so many answers are passed on
	cuts    atomic.Int64 // of both kinds, done

	stalled atomic.Bool // nothing is passed on
	// Mutants: the first of each pair is replaced by the second, of the same length,
	// in what is sent to Postgres.
	replace  [][2]string
	replaced atomic.Int64
}

type link struct{ client, server net.Conn }

func (l *link) close() { _, _ = l.client.Close(), l.server.Close() }

func newProxy(to string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{Listener: l, links: map[*link]bool{}}
	p.to.Store(&to)
	go p.accept()
	return p, nil
}

func (p *proxy) accept() {
	for {
		client, err := p.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		server, err := net.DialTimeout("tcp", *p.to.Load(), time.Second)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{client, server}
		p.mu.Lock()
		p.links[l] = true
		p.mu.Unlock()
		committed := new(atomic.Bool)
		go p.pass(l, server, client, func(b []byte) bool {
			for _, r := range p.replace {
				if bytes.Contains(b, []byte(r[0])) {
					copy(b, bytes.ReplaceAll(b, []byte(r[0]), []byte(r[1])))
					p.replaced.Add(1)
				}
			}
			if bytes.Contains(b, []byte("commit\x00")) && take(&p.commits) {
				committed.Store(true)
			}
			return true
		})
		go p.pass(l, client, server, func([]byte) bool {
			if committed.Load() || take(&p.answers) {
				p.cuts.Add(1)
				return false
			}
			return true
		})
	}
}

// take counts one down, unless it is zero.
func take(n *atomic.Int64) bool {
	for {
		old := n.Load()
		if old == 0 {
			return false
		}
		if n.CompareAndSwap(old, old-1) {
			return true
		}
	}
}

// pass copies from one side to the other until look refuses what came.
func (p *proxy) pass(l *link, to, from net.Conn, look func([]byte) bool) {
	defer func() {
		l.close()
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || !look(buf[:n]) {
			return
		}
		for p.stalled.Load() {
			time.Sleep(10 * time.Millisecond)
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// cut ends every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}
