package plain

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"fnstore/runtime/express"
)

// leaver is a carrier that leaves every request to others, and counts them.
type leaver struct{ asked atomic.Int64 }

func (l *leaver) Begin(*express.Request, string, []byte, bool) (express.Call, []byte, string) {
	l.asked.Add(1)
	return nil, nil, ""
}

// carried is a rig whose connections begin in a loop.
func carried(t *testing.T, c express.Carrier, h http.HandlerFunc) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{addr: l.Addr().String(), over: make(chan error, 1)}
	r.Server = &Server{Handler: h, Carrier: c, Prefix: "/", Tick: 20 * time.Millisecond, Other: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute}}
	go func() { r.over <- r.Serve(l) }()
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// A connection that has left its loop goes back after some short answers, and
// not while there are long ones.
func TestAConnectionGoesBackToItsLoop(t *testing.T) {
	var carrier leaver
	r := carried(t, &carrier, say)
	c := r.dial(t)
	in := bufio.NewReader(c)
	ask := func(path string) {
		t.Helper()
		if _, err := io.WriteString(c, get(path)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
	}
	asked := func(when string, want int64) {
		t.Helper()
		if n := carrier.asked.Load(); n != want {
			t.Errorf("%s the loop was asked %d times, want %d", when, n, want)
		}
	}
	for range settled - 1 {
		ask("/echo")
	}
	ask("/long") // which it begins to count anew after
	for range settled {
		ask("/echo")
	}
	asked("before,", 1)
	ask("/echo")
	asked("when it is back,", 2)
	ask("/echo")
	asked("when it has left once more,", 2)
}

// Shutdown closes who rests in a loop, and its threads.
func TestShutdownEndsTheLoops(t *testing.T) {
	var carrier leaver
	r := carried(t, &carrier, say)
	resting := r.dial(t)
	if list := talk(t, r.addr, get("/echo")); len(list) != 1 { // the loop has the other one by then
		t.Fatalf("%+v", list)
	}
	if err := r.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-r.over; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if n, err := resting.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("a resting connection: %d %v", n, err)
	}
}
