// Package slowclient holds connections the way slow clients do, hostile ones and
// those on a bad line: headers that trickle, bodies that trickle, answers that
// nobody reads, and nothing at all. A client that is disconnected connects again at
// once. It does not know what serves it.
package slowclient

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is a way to be slow.
type Kind int

// The kinds. Idle connects and says nothing; Kept has had one answer before.
const (
	Headers Kind = iota
	Body
	Reading
	Idle
	Kept
	kinds
)

func (k Kind) String() string {
	return [...]string{"slow headers", "slow body", "slow reading", "idle", "idle after an answer"}[k]
}

// Group is slow clients that keep their connections.
type Group struct {
	Address string
	Path    string // of the calls; size=n in the query must make the answer long

	held    atomic.Int64
	opened  [kinds]atomic.Int64
	refused atomic.Int64 // told at once that there is no place
	failed  atomic.Int64 // not even that
	end     context.CancelFunc
	clients sync.WaitGroup
}

// ramp is how many clients begin in a second, so that they do not all move at
// once ever after.
const ramp = 250

// Hold begins with n clients, of all kinds alike, and returns when as many
// connections as there is place for are held.
func (h *Group) Hold(ctx context.Context, n int) {
	ctx, h.end = context.WithCancel(ctx)
	for i := range n {
		h.clients.Go(func() {
			wait(ctx, time.Duration(i)*time.Second/ramp)
			for ctx.Err() == nil {
				h.one(ctx, Kind(i)%kinds)
			}
		})
	}
	for deadline := time.Now().Add(10*time.Second + time.Duration(n)*time.Second/ramp); h.Held() < n && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
}

// Held is how many connections are open now.
func (h *Group) Held() int { return int(h.held.Load()) }

// End lets all of them go.
func (h *Group) End() {
	h.end()
	h.clients.Wait()
}

func (h *Group) String() string {
	var b strings.Builder
	for k := range kinds {
		fmt.Fprintf(&b, "%s: %d connections, ", k, h.opened[k].Load())
	}
	fmt.Fprintf(&b, "%d were refused with an answer and %d without", h.refused.Load(), h.failed.Load())
	return b.String()
}

// pace is how often a slow client moves.
const pace = time.Second

// one is a connection from its start until somebody ends it.
func (h *Group) one(ctx context.Context, k Kind) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", h.Address)
	if err != nil {
		h.failed.Add(1)
		rest(ctx)
		return
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	h.opened[k].Add(1)
	h.held.Add(1)
	defer h.held.Add(-1)
	begun := time.Now()
	first, step := h.words(k)
	_, err = c.Write([]byte(first))
	buffer := make([]byte, 512)
	if k == Reading {
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	}
	for err == nil {
		_ = c.SetReadDeadline(time.Now().Add(pace))
		n := 0
		switch n, err = c.Read(buffer); {
		case err == nil && strings.HasPrefix(string(buffer[:n]), "HTTP/1.1 503"):
			if h.refused.Add(1); time.Since(begun) < pace {
				rest(ctx)
			}
			return
		case k == Reading && err == nil:
			rest(ctx) // and takes no more for a while
		case k == Kept && err == nil:
		case err == nil:
			return // an answer to what is not yet a request: it is over
		default:
			if late, ok := err.(net.Error); ok && late.Timeout() {
				_, err = c.Write([]byte(step))
			}
		}
	}
	if time.Since(begun) < pace/10 && ctx.Err() == nil {
		h.failed.Add(1)
		rest(ctx)
	}
}

// words are what the client says first, and what at every step.
func (h *Group) words(k Kind) (first, step string) {
	switch k {
	case Headers:
		return "POST " + h.Path + " HTTP/1.1\r\nHost: f\r\n", "X-Slow: 1\r\n"
	case Body:
		return "POST " + h.Path + " HTTP/1.1\r\nHost: f\r\nContent-Length: 1000000\r\n\r\n", "x"
	case Reading:
		return "GET " + h.Path + "?size=10000000 HTTP/1.1\r\nHost: f\r\n\r\n", ""
	case Kept:
		return "GET " + h.Path + " HTTP/1.1\r\nHost: f\r\n\r\n", ""
	}
	return "", ""
}

func rest(ctx context.Context) { wait(ctx, pace) }

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
