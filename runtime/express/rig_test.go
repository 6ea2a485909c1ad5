package express

import (
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rig is a loop with clients on one side and functions on the other, and the
// carrier between them. Whatever a test does, in the end each call has ended
// once, each connection has ended or left, and no descriptor is open.
type rig struct {
	*Loop
	t      *testing.T
	addr   string
	inside chan func()   // for the loop's thread
	rests  chan Rest     // what has left
	ended  chan int      // how calls ended
	ticked chan struct{} // r.tick's connection has left

	taken, left, over atomic.Int64 // connections
	refused, deepest  atomic.Int64 // requests, and calls on the stack
	places            atomic.Int64 // in functions that can be full
	once              sync.Once
	closed            chan struct{} // the test is over

	mu    sync.Mutex
	calls []*call
	ends  []net.Conn // of tests, and of functions
	at    []net.Listener
}

// patient is how long a test waits for what has to come: a hang is a failure.
const patient = 10 * time.Second

func open(t *testing.T) *rig { return configured(t, Config{}) }

// configured is a rig whose loop is so, but for who answers it.
func configured(t *testing.T, c Config) *rig {
	t.Helper()
	t.Chdir(t.TempDir()) // the path of a socket has 107 bytes at most, and a test's name may have more
	listen(t, "tcp", "127.0.0.1:0").Close()
	before := still()
	r := &rig{t: t, inside: make(chan func(), 1), rests: make(chan Rest, 1<<10), ended: make(chan int, 1<<16), ticked: make(chan struct{}), closed: make(chan struct{})}
	c.Carrier, c.Prefix, c.Over, c.Left = r, "/", r.leaves, func() { r.left.Add(1) }
	l, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Loop = l
	t.Cleanup(func() { r.tidy(before) })
	clients := listen(t, "tcp", "127.0.0.1:0")
	r.at, r.addr = append(r.at, clients), clients.Addr().String()
	go func() {
		for {
			c, err := clients.Accept()
			if err != nil {
				return
			}
			r.taken.Add(1)
			if !r.Take(c, c.RemoteAddr().String()) {
				t.Error("the loop does not take a connection of TCP")
			}
		}
	}()
	r.function("echo", echo)
	return r
}

func listen(t *testing.T, network, at string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Close closes the loop once.
func (r *rig) Close() { r.once.Do(r.Loop.Close) }

// leaves is the loop's Over. r.tick's connections are nobody's business.
func (r *rig) leaves(rest Rest) {
	r.over.Add(1)
	if strings.HasPrefix(string(rest.Read), "POST /tick ") {
		_ = rest.Conn.Close()
		r.ticked <- struct{}{}
		return
	}
	r.rests <- rest
}

// tidy ends everything and looks at what is left.
func (r *rig) tidy(before []string) {
	close(r.closed)
	r.Close()
	r.mu.Lock()
	for _, l := range r.at {
		_ = l.Close()
	}
	for _, c := range r.ends {
		_ = c.Close()
	}
	r.mu.Unlock()
	for {
		select {
		case rest := <-r.rests:
			r.t.Errorf("%.80q has left, and nobody asked it to", rest.Read)
			done(rest)
			continue
		default:
		}
		break
	}
	if !eventually(func() bool { return r.taken.Load() == r.left.Load()+r.over.Load() }) {
		r.t.Errorf("of %d connections %d have ended and %d left", r.taken.Load(), r.left.Load(), r.over.Load())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if !eventually(func() bool { return c.ends.Load() == 1 }) {
			r.t.Errorf("the call of /%s?%s has ended %d times", c.socket, c.how, c.ends.Load())
		}
	}
	if !eventually(func() bool { return len(descriptors()) == len(before) }) {
		r.t.Errorf("descriptors are left:\n%q before\n%q after", before, descriptors())
	}
}

// eventually waits for what gives no event when it happens.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// still gives the descriptors once nothing of the test before is closing any more.
func still() []string {
	list := descriptors()
	for since := time.Now(); time.Since(since) < 10*time.Millisecond; time.Sleep(time.Millisecond) {
		if now := descriptors(); len(now) != len(list) {
			list, since = now, time.Now()
		}
	}
	return list
}

// descriptors are those that the process has, and what they are.
func descriptors() (list []string) {
	files, _ := os.ReadDir("/proc/self/fd")
	for _, f := range files {
		if what, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil { // the folder itself is closed by now
			list = append(list, f.Name()+" "+what)
		}
	}
	return list
}
