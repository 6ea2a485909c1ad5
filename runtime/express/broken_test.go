package express

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestABrokenCallLeavesWithItsCause(t *testing.T) {
	for _, c := range []struct {
		name, answer, how string
		cause             error
	}{
		{"before", "", "", errEnded},
		{"amid the head", "HTTP/1.1 2", "", errEnded},
		{"amid the body", ok("body")[:40], "", errEnded},
		{"not in time", "", "soon", context.DeadlineExceeded},
		{"not whole in time", ok("body")[:40], "soon", context.DeadlineExceeded},
	} {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, kept %v", c.name, kept), func(t *testing.T) {
				r := open(t)
				r.function("breaks", func(f *far) {
					if kept {
						f.hear()
						f.say(ok("first"))
					}
					f.hear()
					f.say(c.answer)
					if c.how == "" {
						return
					}
					_, _ = f.in.ReadByte() // the end
				})
				near := r.dial()
				if kept {
					near.say(get("/breaks"))
					near.hears(200, "first")
					r.end(200)
				}
				request := post("/breaks?"+c.how, "body")
				near.say(request)
				rest := r.rest()
				b := rest.Begun
				if b == nil || string(rest.Read) != request || !errors.Is(b.Err, c.cause) || b.Conn != nil {
					t.Fatalf("%q, %+v", rest.Read, b)
				}
				if b.Unheard != (kept && c.answer == "") {
					t.Errorf("unheard: %v", b.Unheard)
				}
				done(rest)
				r.end(gone)
			})
		}
	}
}

// The function resets the connection, since it has not read the request.
func TestAFunctionThatDoesNotListenBreaksTheCall(t *testing.T) {
	r := open(t)
	r.function("deaf", func(f *far) { r.pass() })
	c := r.dial()
	c.say(get("/deaf"))
	rest := r.rest()
	if b := rest.Begun; b == nil || b.Err == nil || b.Unheard || b.Conn != nil {
		t.Errorf("%+v", b)
	}
	done(rest)
	r.end(gone)
}

func TestAFunctionThatIsNotThereLeavesTheCallUnsent(t *testing.T) {
	r := open(t)
	c := r.dial()
	c.say(get("/nobody"))
	rest := r.rest()
	if b := rest.Begun; b == nil || b.Err != nil || b.Unheard || b.Conn != nil || string(rest.Read) != get("/nobody") {
		t.Errorf("%q, %+v", rest.Read, b)
	}
	done(rest)
	r.end(gone)
}

// It waits for nobody to accept the connection.
func TestAFunctionWhoseQueueIsFullLeavesTheCallUnsent(t *testing.T) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) }) // after the loop: it would break the calls in the queue
	r := open(t)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: "full"}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	const calls = 3 // one of them at least is more than the queue takes
	for range calls {
		c := r.dial()
		c.say(get("/full"))
	}
	wait := make(chan int, 1)
	r.do(func() {
		n := 0
		for c := r.calling.head; c != nil; c = c.next {
			n++
		}
		wait <- n
	})
	left := calls - <-wait
	if left == 0 {
		t.Fatal("the queue takes them all")
	}
	for range left {
		rest := r.rest()
		if b := rest.Begun; b == nil || b.Err != nil || b.Conn != nil {
			t.Errorf("%+v", b)
		}
		done(rest)
	}
}
