package plain

import (
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
)

// short is a listener that is out of descriptors for a while.
type short struct {
	net.Listener
	left atomic.Int64
}

func (s *short) Accept() (net.Conn, error) {
	if s.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

// A machine that is out of descriptors for a while has a server afterwards.
func TestAcceptingGoesOnAfterAFailure(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &short{Listener: l}
	s.left.Store(3)
	h := http.HandlerFunc(say)
	srv := &Server{Handler: h, Prefix: "/", Other: &http.Server{Handler: h}}
	over := make(chan error, 1)
	go func() { over <- srv.Serve(s) }()
	if list := talk(t, l.Addr().String(), get("/echo")); len(list) != 1 || list[0].Status != 200 {
		t.Errorf("%+v", list)
	}
	_ = srv.Close()
	if err := <-over; err != http.ErrServerClosed {
		t.Error(err)
	}
}
