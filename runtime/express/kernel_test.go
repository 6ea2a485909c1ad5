package express

import (
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// descriptorOf gives the descriptor, in the loop, of a client.
func (r *rig) descriptorOf(c *near) (fd int) {
	r.t.Helper()
	r.do(func() {
		for e := r.resting.head; e != nil; e = e.next {
			if e.remote == c.LocalAddr().String() {
				fd = e.fd
			}
		}
	})
	return fd
}

// pair is a connection that the loop does not know yet.
func (r *rig) pair() (*near, *net.TCPConn) {
	l := listen(r.t, "tcp", "127.0.0.1:0")
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	return r.near(c), s.(*net.TCPConn)
}

// numbered is the connection as the loop's client, with that descriptor.
func (r *rig) numbered(c *net.TCPConn, fd int) *client {
	raw, err := c.SyscallConn()
	if err != nil {
		r.t.Fatal(err)
	}
	got := -1
	free := func() bool { // what the test itself has had may have the number for a moment
		_ = raw.Control(func(old uintptr) { got, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, fd) })
		if err == nil && got != fd {
			_ = unix.Close(got)
		}
		return got == fd
	}
	if !eventually(free) {
		r.t.Fatalf("the descriptor is %d, not %d: %v", got, fd, err)
	}
	_ = c.Close()
	r.taken.Add(1)
	return &client{fd: fd, from: c}
}

// keepsItsCall fails when the loop takes the client for one that has gone.
func (r *rig) keepsItsCall(c *near) {
	r.t.Helper()
	came, let := r.asked("patient")
	c.say(get("/patient"))
	r.wait("the request", came)
	for range 3 {
		r.tick()
	}
	close(let)
	c.hears(200, "/patient")
}

// A function's event is the last one of its descriptor, and a client has the
// number before the list of events has ended.
func TestAnEventOfADescriptorThatHasLeftIsNobodys(t *testing.T) {
	r := open(t)
	heard, says, said := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r.function("last", func(f *far) {
		f.hear()
		close(heard)
		<-says
		f.say("HTTP/1.1 200 OK\r\n\r\nuntil the end")
		_ = f.Close()
		close(said)
	})
	near, far := r.pair()
	c := r.dial()
	c.say(get("/last"))
	r.wait("the request", heard)
	number := 0
	r.do(func() { number = r.calling.head.x.f.fd })
	let := r.hold()
	close(says)
	r.wait("the answer", said)
	r.ring()
	r.Loop.mu.Lock() // the loop waits for it with the bell's event
	let()
	rest := r.rest()
	r.came = append(r.came, r.numbered(far, number))
	r.Loop.mu.Unlock()
	done(rest)
	r.end(gone)
	r.keepsItsCall(near)
}

// A child that was forked and has not yet become another program has copies of
// all descriptors: what happens on one that the loop has closed is told still.
func TestAnEventOfADescriptorThatAChildHasIsNobodys(t *testing.T) {
	r := open(t)
	near, far := r.pair()
	c := r.dial()
	number := r.descriptorOf(c)
	child, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	c.say(get("/echo?panic-begin")) // closes it
	r.pass()
	r.pass()
	next := r.numbered(far, number)
	r.Loop.mu.Lock()
	r.came = append(r.came, next)
	r.Loop.mu.Unlock()
	r.ring()
	r.pass()
	_ = c.Close()
	r.pass()
	r.keepsItsCall(near)
}

// exhaust leaves no descriptor to be had, also when one is closed meanwhile.
func exhaust(t *testing.T) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAConnectionThatCannotBeTakenStaysAsItWas(t *testing.T) {
	r := open(t)
	c, s := r.pair()
	defer s.Close()
	restore := exhaust(t)
	taken := r.Take(s, "")
	restore()
	if taken {
		t.Fatal("it was taken without a descriptor")
	}
	go func() { _, _ = io.WriteString(s, ok("still here")) }()
	c.hears(200, "still here")
}

// No descriptor is free, and the connection cannot be made one of Go's.
func TestACallThatCannotLeaveIsClosedOnBothSides(t *testing.T) {
	r := open(t)
	heard, says, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r.function("odd", func(f *far) {
		f.hear()
		close(heard)
		<-says
		f.say("HTTP/1.1 200 OK\r\n\r\nuntil the end")
		f.hear()
		close(ended)
	})
	c := r.dial()
	c.say(get("/odd"))
	r.wait("the request", heard)
	restore := exhaust(t)
	close(says)
	c.ends()
	r.end(gone)
	restore()
	r.wait("the end of the function's connection", ended)
}
