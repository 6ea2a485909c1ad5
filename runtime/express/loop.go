package express

import (
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Config is what a Loop needs.
type Config struct {
	Carrier Carrier
	Prefix  string        // of the targets of plain requests
	Idle    time.Duration // that a client may rest; 0: as long as it likes
	Hold    time.Duration // that a call may wait for a place in a function that is full
	Over    func(Rest)    // takes what leaves; on a goroutine of its own
	Left    func()        // is told when a connection has ended here
}

// Loop is a thread that carries calls. Make one with Start.
type Loop struct {
	Config
	ep, bell int // the epoll instance, and what wakes it

	mu    sync.Mutex
	came  []*client // to be looked after
	ended bool      // what was open is closed; nothing is taken any more

	closing atomic.Bool // clients are not kept after their answers

	// The thread's own.
	sides   []place // by descriptor
	turn    int32   // of the last one that took a place
	dead    []int   // descriptors to close after the events at hand
	in, out []byte
	request Request
	answer  Answer
	calling queue                  // clients with a call under way
	waiting queue                  // clients that have begun to send a request
	resting queue                  // clients that have nothing under way
	holding queue                  // clients whose request waits for a place in its function
	turns   []*client              // of those
	left    bool                   // a place, by a call that has ended
	idle    map[string][]*function // by socket; the last one was used last
	spare   []*exchange
	sparse  bool    // the last wait was a long one
	serving *client // that the carrier is asked for
	begun   Call    // that has no exchange yet
	over    bool
}

// tick is how late a call may end, at most, when its time is over or its client
// has gone.
const tick = 100 * time.Millisecond

// side is one of the two that a loop has: clients and functions.
type side interface {
	ready(l *Loop, events uint32)
}

// Start starts a loop. It fails where the kernel has no epoll.
func Start(c Config) (*Loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(ep)
		return nil, err
	}
	l := &Loop{Config: c, ep: ep, bell: bell, in: make([]byte, MaxAnswer+MaxRequest), idle: map[string][]*function{}}
	if err := l.watch(bell, alarm{}); err != nil {
		_, _ = unix.Close(ep), unix.Close(bell)
		return nil, err
	}
	go l.run()
	return l, nil
}

// Take has the loop look after the connection. False leaves it as it was.
func (l *Loop) Take(c net.Conn, remote string) bool {
	fd, err := take(c)
	if err != nil {
		return false
	}
	if o, ok := c.(*owned); ok { // it has been here before
		c = o.from
	}
	n := &client{fd: fd, from: c, remote: remote}
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		_ = unix.Close(fd)
		_ = c.Close()
		l.Left()
		return true
	}
	l.came = append(l.came, n)
	l.mu.Unlock()
	l.ring()
	return true
}

// Drain closes clients that rest, and the others when they have their answers:
// so also those whose request has come and was not read yet.
func (l *Loop) Drain() {
	l.closing.Store(true)
	l.ring()
}

// Close ends every connection and the loop.
func (l *Loop) Close() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.ring()
}

func (l *Loop) ring() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bell < 0 {
		return // its number may be another's by now
	}
	_, _ = unix.Write(l.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // a bell that rings already need not ring again
}

// alarm is the bell's end: someone has something to say to the loop.
type alarm struct{}

func (alarm) ready(l *Loop, _ uint32) {
	var b [8]byte
	_, _ = read(l.bell, b[:])
	l.mu.Lock()
	came, ended := l.came, l.ended
	l.came = nil
	l.mu.Unlock()
	for _, c := range came {
		c.enter(l)
	}
	switch {
	case ended:
		l.endAll()
	case l.closing.Load():
		for c := l.resting.head; c != nil; {
			next := c.next
			if quiet(c.fd) {
				c.close(l)
			} else { // its call has come before the loop was to drain, or with it
				l.dispatch(c, unix.EPOLLIN)
			}
			c = next
		}
	}
}

// run is the thread. It is one of its own: one that serves goroutines as well
// takes a tenth to a quarter longer for 32 busy clients.
func (l *Loop) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]unix.EpollEvent, 128)
	ticked := time.Now()
	for !l.over {
		n, err := l.wait(events, l.pause())
		if err != nil && err != unix.EINTR {
			slog.Error("the loop of calls cannot wait", "cause", err)
			l.Close()
			alarm{}.ready(l, 0)
			break
		}
		// Functions first: a connection that has ended shall not be taken for a
		// call whose client is in the same list.
		for _, clients := range []bool{false, true} {
			if clients && l.holding.head != nil {
				l.offer(time.Now())
			}
			for i := range max(n, 0) {
				e := &events[i]
				if to := l.at(int(e.Fd), e.Pad); to != nil {
					if _, is := to.(*client); is == clients {
						l.dispatch(to, e.Events)
					}
				}
			}
		}
		if now := time.Now(); n <= 0 || now.Sub(ticked) >= tick { // the pause was for something
			ticked = now
			l.look(now)
		}
		l.bury()
	}
	l.bury()
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = unix.Close(l.ep), unix.Close(l.bell)
	l.bell = -1
}

// dispatch keeps a carrier's panic from ending the process. It costs the client
// whose call it was.
func (l *Loop) dispatch(to side, events uint32) {
	defer func() {
		if p := recover(); p != nil {
			report(p)
			if l.begun != nil {
				end(l.begun, gone)
			}
			if l.serving != nil {
				l.serving.drop(l)
			}
		}
	}()
	l.serving, l.begun = nil, nil
	to.ready(l, events)
}

// pause is how long there is nothing to look at, in milliseconds; -1 for ever.
func (l *Loop) pause() int {
	if d, waits := l.held(); waits {
		return int(min(d, tick)/time.Millisecond) + 1
	}
	if l.calling.head != nil || l.waiting.head != nil {
		return int(tick.Milliseconds())
	}
	next := time.Time{}
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if c := l.resting.head; c != nil && l.Idle > 0 {
		sooner(c.since.Add(l.Idle))
	}
	for _, idle := range l.idle {
		sooner(idle[0].since.Add(Rested))
	}
	if next.IsZero() {
		return -1
	}
	return int(max(time.Until(next), 0)/time.Millisecond) + 1
}

// look is the clock of everything that waits.
func (l *Loop) look(now time.Time) {
	for c := l.calling.head; c != nil; {
		x := c.x
		c = c.next
		x.look(l, now)
	}
	for c := l.waiting.head; c != nil && now.Sub(c.since) > tick; c = l.waiting.head {
		if c.hung {
			c.close(l)
		} else {
			c.leave(l, c.held, nil)
		}
	}
	for c := l.resting.head; c != nil && l.Idle > 0 && now.Sub(c.since) >= l.Idle; c = l.resting.head {
		c.close(l)
	}
	l.closeRested(now)
}

// endAll closes everything.
func (l *Loop) endAll() {
	l.over = true
	for _, p := range l.sides {
		switch s := p.side.(type) {
		case *client:
			s.drop(l)
		case *function:
			if s.x == nil {
				s.close(l)
			}
		}
	}
}
