// Package express carries plain calls from clients to functions and back on
// threads of its own: a request that is whole goes out, an answer that is whole
// comes back, and no goroutine, timer or wake-up is spent on a call. Whatever is
// not plain leaves the loop with every byte that came, a call that was begun
// included. It does not know what a call means; a Carrier does.
package express

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"fnstore/runtime/forward"
)

// Bounds of what is carried here.
const (
	MaxRequest = 16 << 10 // bytes of a request, its body included
	MaxAnswer  = 64 << 10 // bytes of an answer, its body included
)

// Carrier decides about requests. Its methods, and those of its calls, run on the
// loop: they must not wait for anything.
type Carrier interface {
	// Begin takes a request up. It gives the call, or an answer appended to dst
	// that refuses it, or neither when it shall go the ordinary way, as one whose
	// method is HEAD must: its answer has a length and no body. The request is valid
	// until Begin and the call's Request have returned.
	//
	// Unless it is late it may give instead the name of the function that is full:
	// then it may be asked again, when another call has ended, and once more when
	// the request is late.
	Begin(q *Request, remote string, dst []byte, late bool) (call Call, refusal []byte, full string)
}

// Call is one request that a function takes. Exactly one of End and Begun's
// taker ends it.
type Call interface {
	// Socket is the path of the unix socket that the function listens at.
	Socket() string
	// Until is when its time is over.
	Until() time.Time
	// Request appends the request as the function gets it.
	Request(dst []byte) []byte
	// Answer appends the answer as the client gets it; false leaves it to the
	// ordinary way.
	Answer(dst []byte, a *Answer) ([]byte, bool)
	// End says how the call ended: with that status, 499 when its client had gone.
	End(status int)
}

// Rest is a connection that leaves the loop.
type Rest struct {
	Conn  net.Conn
	Owed  []byte // of an answer that the client was slow to take
	Read  []byte // that came and was not answered
	Last  bool   // what is owed is the last answer
	Begun *Begun // the call that Read begins with; nil when it was not begun
}

// Begun is a call that was begun here and ends elsewhere.
type Begun struct {
	Call Call
	Conn net.Conn // to the function, which has the whole request; nil when Err says why
	Read []byte   // that came from the function
	Err  error    // that broke the call; context.DeadlineExceeded when its time was over
	// Unheard is said of a call that broke on a connection that had served others,
	// before anything came: the function may have closed it before it was sent.
	Unheard bool
}

// Drop gives up what the function may say.
func (b *Begun) Drop() {
	if b.Conn != nil {
		_ = b.Conn.Close()
	}
}

// Close gives the call up.
func (b *Begun) Close() {
	b.Drop()
	end(b.Call, gone)
}

// Transport is the round trip that the call has begun, to the server that to
// reaches.
func (b *Begun) Transport(to http.RoundTripper) http.RoundTripper {
	if b.Conn == nil && b.Err == nil {
		return to // nothing was sent
	}
	s, ok := to.(*forward.Server)
	if !ok { // then nobody has sent anything by its socket
		s, b.Err = forward.To(nil), errors.ErrUnsupported
		b.Drop()
	}
	if b.Err != nil {
		return s.Broken(b.Err, ok && b.Unheard)
	}
	return s.Begun(b.Conn, b.Read)
}

type begunKey struct{}

// With gives a context that carries the call to its handler.
func With(ctx context.Context, b *Begun) context.Context {
	return context.WithValue(ctx, begunKey{}, b)
}

// From gives the call that the context carries, nil for none.
func From(ctx context.Context) *Begun {
	b, _ := ctx.Value(begunKey{}).(*Begun)
	return b
}
