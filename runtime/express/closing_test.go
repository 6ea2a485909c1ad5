package express

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDrainClosesWhoRestsAndLetsCallsEnd(t *testing.T) {
	r := open(t)
	came, let := r.asked("slow")
	rests, fresh, calls := r.dial(), r.dial(), r.dial()
	rests.say(get("/echo"))
	rests.hears(200, "/echo")
	calls.say(get("/slow") + get("/echo")) // what is behind it has not been begun
	r.wait("the request", came)
	r.pass()
	r.Drain()
	rests.ends()
	fresh.ends()
	close(let)
	calls.hears(200, "/slow")
	if calls.ends(); !calls.last {
		t.Error("its answer does not say that it is the last one")
	}
	late := r.dial()
	late.ends()
	for range 2 {
		r.end(200)
	}
}

// Nobody is told beforehand that there will be no more answers: a request that
// has come is answered.
func TestDrainAnswersWhatHasCome(t *testing.T) {
	r := open(t)
	c := r.dial()
	c.say(get("/echo"))
	c.hears(200, "/echo")
	r.end(200)
	let := r.hold()
	r.Drain()
	c.say(get("/echo"))
	let()
	c.hears(200, "/echo")
	c.ends()
	r.end(200)
}

// A client whose request was not whole yet when the loop was drained is not kept
// when it is refused.
func TestDrainKeepsNobodyWhoIsRefused(t *testing.T) {
	r := open(t)
	request := post("/refuse", "in two pieces")
	c := r.dial()
	c.say(request[:len(request)-5])
	let := r.hold()
	r.Drain()
	c.say(request[len(request)-5:])
	let()
	go r.mayLeave()
	if b, err := io.ReadAll(c.in); err != nil {
		t.Errorf("behind %q the connection goes on: %v", b, err)
	}
}

// mayLeave closes what leaves: with one that waits, a tick may be quicker than
// the test.
func (r *rig) mayLeave() {
	select {
	case rest := <-r.rests:
		done(rest)
	case <-r.closed:
	}
}

func TestCloseEndsEverything(t *testing.T) {
	r := open(t)
	_, _ = r.asked("slow")
	rests, calls, begins := r.dial(), r.dial(), r.dial()
	rests.say(get("/echo"))
	rests.hears(200, "/echo")
	r.end(200)
	calls.say(get("/slow"))
	request := post("/echo", "a body")
	begins.say(request[:len(request)-3])
	r.do(r.Close)
	go r.mayLeave()
	for _, c := range []*near{rests, calls, begins} {
		c.ends()
	}
	r.end(gone)
	late := r.dial()
	late.ends()
}

// Connections come, have calls, and leave while the loop is closed.
func TestCloseLosesCountOfNothing(t *testing.T) {
	for i := range 5 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			r := open(t)
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() { r.insists([]string{get("/echo"), get("/elsewhere"), get("/nobody")}[i%3]) })
			}
			go func() {
				for {
					select {
					case rest := <-r.rests:
						_, _ = rest.Conn.Write([]byte(ok("")))
						done(rest)
					case <-r.closed:
						return
					}
				}
			}()
			for range 20 {
				<-r.ended
			}
			r.Close()
			all.Wait()
			eventually(func() bool { return r.taken.Load() == r.left.Load()+r.over.Load() && len(r.rests) == 0 })
		})
	}
}

// insists asks until it has no answer.
func (r *rig) insists(request string) {
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patient))
	for {
		if _, err := c.Write([]byte(request)); err != nil {
			return
		}
		var b [100]byte
		if n, _ := c.Read(b[:]); n == 0 {
			return
		}
	}
}

// The bell's number is soon somebody else's.
func TestAClosedLoopRingsNobodysBell(t *testing.T) {
	r := open(t)
	bell := r.bell
	r.Close()
	if !eventually(func() bool { _, err := os.Readlink(fmt.Sprint("/proc/self/fd/", bell)); return err != nil }) {
		t.Fatal("the bell is not closed")
	}
	var pair [2]int
	for pair[0] != bell && pair[1] != bell {
		var err error
		if pair, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		if min(pair[0], pair[1]) > bell {
			t.Fatalf("the bell's number, %d, is not free", bell)
		}
	}
	r.Loop.Close()
	r.Drain()
	for _, fd := range pair {
		var b [16]byte
		if n, _ := unix.Read(fd, b[:]); n > 0 {
			t.Errorf("somebody was told %q", b[:n])
		}
	}
}
