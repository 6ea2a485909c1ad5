package server

import (
	"context"
	"net"
	"time"
)

// life is the context below those that net/http makes for a connection and its
// requests. It ends when a call's time is over, which is the end of its
// connection too. So a request's own context has the deadline of its call, and
// only one is made for each connection.
type life struct {
	context.Context // the server's
	link            *link
	done            chan struct{}
	over            bool     // under link.mu, as after is
	after           []func() // told at the end
}

type linkKey struct{}

// carried gives a connection its life.
func carried(ctx context.Context, c net.Conn) context.Context {
	k, ok := c.(*link)
	if !ok {
		return ctx
	}
	k.life = &life{Context: ctx, link: k, done: make(chan struct{})}
	// One of package context's own between life and the rest spares them a
	// goroutine that waits for Done.
	ctx, k.leave = context.WithCancel(k.life)
	return ctx
}

// Deadline is that of the call which is under way.
func (l *life) Deadline() (time.Time, bool) {
	l.link.mu.Lock()
	defer l.link.mu.Unlock()
	if l.link.call == nil {
		return time.Time{}, false
	}
	return birth.Add(time.Duration(l.link.call.due)), true
}

func (l *life) Done() <-chan struct{} { return l.done }

func (l *life) Err() error {
	select {
	case <-l.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func (l *life) Value(key interface{}) interface{} {
	if _, ok := key.(linkKey); ok {
		return l.link
	}
	return l.Context.Value(key)
}

// AfterFunc is how package context asks to be told (see context.AfterFunc).
func (l *life) AfterFunc(f func()) (stop func() bool) {
	l.link.mu.Lock()
	defer l.link.mu.Unlock()
	at := len(l.after)
	l.after = append(l.after, f)
	return func() bool {
		l.link.mu.Lock()
		defer l.link.mu.Unlock()
		pending := at < len(l.after) && l.after[at] != nil
		if pending {
			l.after[at] = nil
		}
		return pending
	}
}

// end ends it, and all that is made from it, once.
func (l *life) end() {
	l.link.mu.Lock()
	after := l.after
	l.after = nil
	if !l.over {
		l.over = true
		close(l.done)
	}
	l.link.mu.Unlock()
	for _, f := range after {
		if f != nil {
			f()
		}
	}
}
