package express

import (
	"bytes"
	"context"
	"log/slog"
	"runtime/debug"
	"time"
)

// exchange is a call under way.
type exchange struct {
	c       *client
	f       *function
	call    Call
	until   time.Time
	request []byte // and what came behind it
	n       int    // bytes of the request
	last    bool   // the client wants no further answer
	got     []byte // of the answer
	at      time.Time
}

// Bounds of what is kept for the next calls.
const (
	spares = 64
	roomy  = 2 * MaxRequest // bytes of a buffer
)

func (l *Loop) exchange() *exchange {
	n := len(l.spare)
	if n == 0 {
		return new(exchange)
	}
	x := l.spare[n-1]
	l.spare = l.spare[:n-1]
	return x
}

func (x *exchange) release(l *Loop) {
	if len(l.spare) < spares && cap(x.request) <= roomy && cap(x.got) <= roomy {
		*x = exchange{request: x.request[:0], got: x.got[:0]}
		l.spare = append(l.spare, x)
	}
}

// end ends the call here. Its panic is nobody else's.
func end(call Call, status int) {
	defer func() {
		if p := recover(); p != nil {
			report(p)
		}
	}()
	call.End(status)
}

func report(panicked any) {
	slog.Error("a carrier panicked", "panic", panicked, "stack", string(debug.Stack()))
}

// came takes what came from the function, and tells whether the exchange is over
// here. The function says no more when last.
func (x *exchange) came(l *Loop, b []byte, last bool) (over bool) {
	if len(x.got) > 0 {
		x.got = append(x.got, b...)
		b = x.got
	}
	l.serving = x.c
	switch l.answer.read(b) {
	case more:
		if len(x.got) == 0 {
			x.got, x.at = append(x.got, b...), time.Now()
		}
		return false
	case odd:
		x.leave(l, b)
		return true
	}
	l.answer.Last = x.last || l.closing.Load()
	out, ok := x.call.Answer(l.out[:0], &l.answer)
	if !ok {
		x.leave(l, b)
		return true
	}
	l.out = out
	end(x.call, l.answer.Status) // before its client can know
	l.left = true
	if l.answer.Close || last {
		x.f.close(l)
	} else {
		x.f.keep(l)
	}
	c := x.c
	c.x = nil
	c.move(&l.resting)
	if behind := x.request[x.n:]; c.send(l, out, behind, l.answer.Last) && len(behind) > 0 {
		c.serve(l, behind, time.Time{})
	}
	x.release(l)
	return true
}

// leave has the call go on elsewhere, with what came of the answer.
func (x *exchange) leave(l *Loop, got []byte) {
	c := x.c
	c.x, x.f.x = nil, nil
	c.depart(l, Rest{Read: bytes.Clone(x.request), Begun: &Begun{Call: x.call, Read: bytes.Clone(got)}}, x.f)
	x.release(l)
}

// broke has the call end elsewhere, with why it cannot be answered.
func (x *exchange) broke(l *Loop, err error) {
	c := x.c
	c.x = nil
	x.f.close(l)
	c.leave(l, x.request, &Begun{Call: x.call, Err: err, Unheard: x.f.served && len(x.got) == 0})
	x.release(l)
}

// look is the clock's.
func (x *exchange) look(l *Loop, now time.Time) {
	c := x.c
	switch {
	case c.gone && now.Sub(c.since) > tick:
		c.drop(l)
		x.release(l)
	case now.After(x.until):
		x.broke(l, context.DeadlineExceeded)
	case len(x.got) > 0 && now.Sub(x.at) > tick:
		x.leave(l, x.got)
	}
}
