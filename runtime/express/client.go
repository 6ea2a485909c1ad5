package express

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// client is a connection that requests come over. It is in one queue of the loop
// at a time.
type client struct {
	fd     int
	from   net.Conn // that it was taken from
	remote string

	x     *exchange // under way
	held  []byte    // of a request that is not whole yet
	ahead bool      // there may be more to read than was read
	gone  bool      // it sends no more
	hung  bool      // nor do we
	waits string    // the function that its request waits for a place in; or nothing

	in         *queue
	prev, next *client
	since      time.Time // that it is in its queue
}

// queue is clients in the order in which they came.
type queue struct{ head, tail *client }

// move puts the client at the end of the queue.
func (c *client) move(to *queue) {
	c.remove()
	c.in, c.prev = to, to.tail
	if to.tail == nil {
		to.head = c
	} else {
		to.tail.next = c
	}
	to.tail = c
	c.since = time.Now()
}

func (c *client) remove() {
	if c.in == nil {
		return
	}
	if c.prev == nil {
		c.in.head = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		c.in.tail = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.in, c.prev, c.next = nil, nil, nil
}

// enter begins to look after it.
func (c *client) enter(l *Loop) {
	if l.watch(c.fd, c) != nil {
		l.dead = append(l.dead, c.fd)
		c.end(l)
		return
	}
	c.move(&l.resting)
}

// end tells everybody else that it is over.
func (c *client) end(l *Loop) {
	_ = c.from.Close() // was closed before, but for who counts it
	l.Left()
}

func (c *client) close(l *Loop) {
	c.remove()
	l.shut(c.fd)
	c.end(l)
}

// drop closes it with what is under way.
func (c *client) drop(l *Loop) {
	if x := c.x; x != nil {
		c.x = nil
		x.f.close(l)
		end(x.call, gone)
		l.left = true
	}
	if c.in != nil {
		c.close(l)
	}
}

// gone is the status of a call whose client had gone before its answer.
const gone = 499

func (c *client) ready(l *Loop, events uint32) {
	c.gone = c.gone || events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	if c.x != nil || c.waits != "" {
		c.ahead = true
		return
	}
	c.read(l)
}

func (c *client) read(l *Loop) {
	in := l.in[:MaxRequest+1<<10]
	n, err := read(c.fd, in)
	switch {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return
	case err != 0 || n == 0:
		c.close(l)
		return
	}
	c.ahead = n == len(in)
	b := in[:n]
	if c.hung {
		if c.ahead || c.gone {
			c.close(l) // it had more to say than it should
		}
		return
	}
	if len(c.held) > 0 {
		c.held = append(c.held, b...)
		b = c.held
	}
	c.serve(l, b, time.Time{})
}

// serve begins the call that b asks for, which has waited for a place since then,
// if it has. What is refused is answered on the way.
func (c *client) serve(l *Loop, b []byte, since time.Time) {
	l.serving = c
	for ; ; since = (time.Time{}) {
		n, more := l.request.Read(b, l.Prefix)
		switch {
		case more && !c.gone:
			c.held = append(c.held[:0], b...)
			if c.in != &l.waiting {
				c.move(&l.waiting)
			}
			if c.ahead {
				c.ahead = false
				l.again(c.fd)
			}
			return
		case n == 0:
			c.leave(l, b, nil)
			return
		}
		l.request.Close = l.request.Close || l.closing.Load()
		last := l.request.Close
		call, refusal, full := l.Carrier.Begin(&l.request, c.remote, l.out[:0], !since.IsZero() && time.Since(since) >= l.Hold)
		if full != "" {
			if c.wait(l, full, b, since) {
				return
			}
			call, refusal, _ = l.Carrier.Begin(&l.request, c.remote, l.out[:0], true)
		}
		switch {
		case refusal != nil:
			l.out, c.held = refusal, nil
			if c.move(&l.resting); !c.send(l, refusal, b[n:], last) {
				return
			}
			if b = b[n:]; len(b) == 0 {
				return
			}
		case call == nil:
			c.leave(l, b, nil)
			return
		default:
			c.begin(l, call, b, n, last)
			return
		}
	}
}

// begin sends the request on, the first n bytes of b.
func (c *client) begin(l *Loop, call Call, b []byte, n int, last bool) {
	l.begun = call
	path, until := call.Socket(), call.Until()
	l.out = call.Request(l.out[:0])
	l.begun = nil
	f, err := l.ask(path, l.out)
	if f == nil {
		c.leave(l, b, &Begun{Call: call, Err: err})
		return
	}
	x := l.exchange()
	x.c, x.f, x.call, x.n, x.last, x.until = c, f, call, n, last, until
	x.request = append(x.request[:0], b...)
	c.x, f.x, c.held = x, x, nil
	c.move(&l.calling)
}

// send answers, and tells whether the client goes on here. What came behind its
// request goes with it when it does not.
func (c *client) send(l *Loop, answer, behind []byte, last bool) bool {
	n, err := write(c.fd, answer)
	switch {
	case err != 0 && err != syscall.EAGAIN:
		c.close(l)
		return false
	case n < len(answer):
		c.depart(l, Rest{Owed: bytes.Clone(answer[n:]), Read: bytes.Clone(behind), Last: last}, nil)
		return false
	case last:
		c.hangUp(l)
		return false
	}
	if len(behind) == 0 && (c.ahead || c.gone) {
		// There was more to read than was read. It has its turn as all others have.
		c.ahead = false
		l.again(c.fd)
	}
	return true
}

// hangUp ends our side of the connection, and all of it once the client has done
// so or has had a moment for it: closed while it still sends, the connection
// would be reset and the answer with it.
func (c *client) hangUp(l *Loop) {
	if c.gone || unix.Shutdown(c.fd, unix.SHUT_WR) != nil {
		c.close(l)
		return
	}
	c.hung = true
	c.move(&l.waiting)
	if c.ahead {
		l.again(c.fd)
	}
}

// leave hands the connection over with what was read of it. A call that has an
// exchange leaves by the exchange.
func (c *client) leave(l *Loop, read []byte, b *Begun) {
	c.depart(l, Rest{Read: bytes.Clone(read), Begun: b}, nil)
}

// depart hands the connection over, and that of the call that it has begun.
func (c *client) depart(l *Loop, r Rest, f *function) {
	c.remove()
	l.forget(c.fd)
	if f != nil {
		l.forget(f.fd)
	}
	l.sparse = true // the next wait gives the processor to this goroutine
	go func() {
		var err error
		r.Conn, err = give(c.fd)
		if f != nil {
			var failed error
			r.Begun.Conn, failed = give(f.fd)
			err = errors.Join(err, failed)
		}
		if err != nil {
			slog.Error("a connection cannot be handed over", "cause", err)
			if r.Conn != nil {
				_ = r.Conn.Close()
			}
			if r.Begun != nil {
				r.Begun.Close()
			}
			c.end(l)
			return
		}
		r.Conn = &owned{r.Conn, c.from}
		l.Over(r)
	}()
}
