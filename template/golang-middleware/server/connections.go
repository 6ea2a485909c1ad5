package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
)

// gate is the listener that requests come through. It keeps at most a given
// number of connections open. When there are as many, or no descriptor is left, an idle
// connection makes place for a new one, which has more to say; when none is
// idle, new ones wait in the kernel's queue.
type gate struct {
	net.Listener
	slots   chan struct{} // nil: no limit
	waiting atomic.Bool   // somebody waits for a slot
	shut    chan struct{}
	once    sync.Once

	mu   sync.Mutex
	open map[*link]struct{}
}

func newGate(ln net.Listener, max int64) *gate {
	g := &gate{Listener: ln, shut: make(chan struct{}), open: map[*link]struct{}{}}
	if max > 0 {
		g.slots = make(chan struct{}, max)
	}
	return g
}

func (g *gate) Accept() (net.Conn, error) {
	if err := g.take(); err != nil {
		return nil, err
	}
	conn, err := g.Listener.Accept()
	if err != nil {
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			g.closeIdle() // net/http tries again in a moment
		}
		g.give()
		return nil, err
	}
	k := &link{Conn: conn, gate: g}
	g.mu.Lock()
	g.open[k] = struct{}{}
	g.mu.Unlock()
	return k, nil
}

func (g *gate) take() error {
	if g.slots == nil {
		return nil
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	g.waiting.Store(true)
	defer g.waiting.Store(false)
	g.closeIdle()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-g.shut:
		return net.ErrClosed
	}
}

func (g *gate) give() {
	if g.slots != nil {
		<-g.slots
	}
}

// closeIdle closes one idle connection, if there is one.
func (g *gate) closeIdle() {
	g.mu.Lock()
	var idle *link
	for k := range g.open {
		if k.idle.Load() {
			idle = k
			break
		}
	}
	g.mu.Unlock()
	if idle != nil {
		idle.Close()
	}
}

func (g *gate) Close() error {
	g.once.Do(func() { close(g.shut) })
	return g.Listener.Close()
}

// state is told by net/http what a connection is doing.
func (g *gate) state(c net.Conn, state http.ConnState) {
	k, ok := c.(*link)
	if !ok {
		return
	}
	switch state {
	case http.StateIdle:
		// First said, then asked: one that begins to wait now sees it idle.
		if k.idle.Store(true); g.waiting.Load() {
			k.Close()
		}
	case http.StateActive:
		k.idle.Store(false)
	case http.StateHijacked:
		k.idle.Store(false)
		k.release()
	}
}

// ReadFrom keeps the kernel's sendfile and splice within net/http's reach.
func (k *link) ReadFrom(src io.Reader) (int64, error) {
	if to, ok := k.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{k.Conn}, src)
}

// CloseWrite lets net/http end an answer before it closes.
func (k *link) CloseWrite() error {
	if half, ok := k.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close gives the connection's place to another.
func (k *link) Close() error {
	var err error
	k.once.Do(func() {
		k.stop()
		if k.leave != nil {
			k.leave()
		}
		if k.deaf.Load() {
			go k.hangUp()
		} else {
			err = k.Conn.Close()
		}
		if k.gate != nil {
			k.gate.mu.Lock()
			delete(k.gate.open, k)
			k.gate.mu.Unlock()
			k.gate.give()
		}
	})
	return err
}

// reservedFiles are descriptors that are left to the function for its own files and calls.
const reservedFiles = 64

// fitting lowers a number of connections to what the process may have open.
func fitting(max int64) int64 {
	var limit syscall.Rlimit
	if max == 0 || syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return max
	}
	most := limit.Cur / 2
	if limit.Cur > 2*reservedFiles {
		most = limit.Cur - reservedFiles
	}
	if most < uint64(max) && most > 0 {
		return int64(most)
	}
	return max
}
