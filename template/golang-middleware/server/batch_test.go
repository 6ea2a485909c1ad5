package server

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// writes counts what leaves.
type writes struct {
	mu  sync.Mutex
	all []string
	one chan struct{}
}

func (w *writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(b))
	select {
	case w.one <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (w *writes) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.all, "")
}

// Lines go in company, whole, in order, and none stays behind.
func TestBatch_LinesGoInBatches(t *testing.T) {
	out := &writes{one: make(chan struct{}, 1)}
	l := &lines{out: out}
	l.write(line{method: "GET", path: "/alone", status: 200})
	<-out.one // by itself, without any other call
	const calls = 500
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range calls {
				l.write(line{method: "GET", path: "/many", status: 200})
			}
		})
	}
	wg.Wait()
	l.flush()
	text := out.text()
	if n := strings.Count(text, `"path":"/many"`); n != 4*calls || !strings.HasSuffix(text, "}\n") {
		t.Errorf("%d lines, end %.60q", n, text[len(text)-60:])
	}
	if n := len(out.all); n > calls {
		t.Errorf("%d writes", n)
	}
	for _, b := range out.all {
		if !strings.HasPrefix(b, "{") || !strings.HasSuffix(b, "}\n") || len(b) > maxHeld+maxBatch {
			t.Errorf("not whole lines: %d bytes, %.20q", len(b), b)
		}
	}
}

// Trouble does not wait, and what came before it goes first.
func TestBatch_TroubleIsWrittenAtOnce(t *testing.T) {
	var out bytes.Buffer
	l := &lines{out: &out}
	l.mu.Lock()
	l.armed, l.timer = true, time.NewTimer(time.Hour) // no help from the clock
	l.mu.Unlock()
	l.write(line{method: "GET", path: "/first", status: 200})
	if out.Len() != 0 {
		t.Error("written alone")
	}
	l.write(line{method: "GET", path: "/second", status: 500, trouble: "panic", stack: strings.Repeat("x", 2*maxBatch)})
	if text := out.String(); !strings.Contains(text, "/first") || strings.Index(text, "/first") > strings.Index(text, "/second") {
		t.Errorf("%s", text)
	}
}

// stuck is a reader of the log that takes nothing until it is told to.
type stuck struct {
	writes
	in, leave chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	select {
	case s.in <- struct{}{}:
	default:
	}
	<-s.leave
	return s.writes.Write(b)
}

// Calls go on while one of them writes, until much waits; then they wait too,
// and nothing is lost.
func TestBatch_ASlowReaderHoldsNobodyUpForLong(t *testing.T) {
	out := &stuck{in: make(chan struct{}, 1), leave: make(chan struct{})}
	l := &lines{out: out}
	var wg sync.WaitGroup
	wg.Go(func() { l.write(line{path: "/first", status: 500}) })
	<-out.in
	const calls = 500
	for range calls { // on this goroutine: none of them waits
		l.write(line{path: "/many", status: 200})
	}
	big := line{path: "/big", status: 200, trace: strings.Repeat("x", 32), callID: strings.Repeat("x", maxCallID), method: strings.Repeat("x", maxMethod)}
	wg.Go(func() {
		for range 2 * maxHeld / 200 {
			l.write(big)
		}
	})
	for full := false; !full; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		full = len(l.batch) > maxHeld
		l.mu.Unlock()
	}
	close(out.leave)
	wg.Wait()
	l.flush()
	text := out.text()
	if n, m := strings.Count(text, "/many"), strings.Count(text, "/big"); n != calls || m != 2*maxHeld/200 || !strings.Contains(text, "/first") {
		t.Errorf("%d and %d lines", n, m)
	}
}
