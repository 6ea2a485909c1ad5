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
func TestLinesGoInBatches(t *testing.T) {
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
		if !strings.HasPrefix(b, "{") || !strings.HasSuffix(b, "}\n") || len(b) > maxBatch {
			t.Errorf("not whole lines: %d bytes, %.20q", len(b), b)
		}
	}
}

// Trouble does not wait, and what came before it goes first.
func TestTroubleIsWrittenAtOnce(t *testing.T) {
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
