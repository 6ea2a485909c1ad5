package jsonata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Bounds of one evaluation. AWS has bounds of this kind and does not publish
// them; the recursion depth of 100 is the evaluator's own.
const (
	// DefaultTimeout ends an evaluation.
	DefaultTimeout = 5 * time.Second
	// MaxSteps is how many parts of an expression are evaluated, each as often
	// as it is evaluated.
	MaxSteps = 1_000_000
	// MaxMemory is how many bytes the process's memory may grow by. It is read
	// now and then, so that it is exceeded by what a few steps take.
	MaxMemory = 128 << 20
	// MaxResult is how large a result may be, and a value that is written as
	// text, as weigh counts it. What a state may pass on is far less.
	MaxResult = 4 << 20
)

// ErrLimit is an evaluation that went beyond one of the bounds.
var ErrLimit = errors.New("the evaluation exceeded a limit")

func limit(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrLimit}, args...)...)
}

// used are what memory is read of: objects, and stacks, which the recursion of
// a long expression fills.
var used = []string{"/memory/classes/heap/objects:bytes", "/memory/classes/heap/stacks:bytes"}

// meter is the context of an evaluation. The evaluator asks for its Err before
// each part of an expression and now and then in its loops, so Err counts and
// measures. The heap is that of the process: nothing in Go tells how much of it
// one goroutine holds. It is used by one goroutine, but for stopped.
type meter struct {
	context.Context
	deadline time.Time
	steps    int
	next     int // step of the next reading of clock and memory
	every    int // steps between readings
	begin    uint64
	sample   []metrics.Sample
	failed   error
	stopped  atomic.Bool // given up by the one who waits
}

// newMeter begins to measure. What joins strings can double one in four steps.
func newMeter(joins bool) *meter {
	every := 64
	if joins {
		every = 8
	}
	return &meter{Context: context.Background(), deadline: time.Now().Add(DefaultTimeout), next: every, every: every}
}

// Err counts a step.
func (m *meter) Err() error { return m.spend(1) }

// spend counts work.
func (m *meter) spend(n int) error {
	if m.failed != nil {
		return m.failed
	}
	m.steps += n
	switch {
	case m.stopped.Load():
		m.failed = errTooMuch()
	case m.steps > MaxSteps:
		m.failed = limit("it took more than %d steps", MaxSteps)
	case m.steps >= m.next:
		m.failed = m.look()
	}
	return m.failed
}

// look reads the clock and the heap. Small expressions end before the first
// look.
func (m *meter) look() error {
	if time.Now().After(m.deadline) {
		return errTooMuch()
	}
	now := m.memory()
	if m.begin == 0 {
		m.begin = now
	}
	if now >= m.begin+MaxMemory {
		runtime.GC() // what grew may be garbage
		if now = m.memory(); now >= m.begin+MaxMemory/2 {
			return errTooMuch()
		}
	}
	every := m.every
	if grown := now - min(now, m.begin); grown > MaxMemory/4 {
		every = 2
	} else if grown > MaxMemory/16 {
		every = 8
	}
	m.next = m.steps + every
	return nil
}

// errTooMuch is the same whichever of the two bounds is reached first, which
// depends on the machine.
func errTooMuch() error {
	return limit("it needed more than %v or %d MiB of memory", DefaultTimeout, MaxMemory>>20)
}

func (m *meter) memory() (n uint64) {
	if m.sample == nil {
		for _, name := range used {
			m.sample = append(m.sample, metrics.Sample{Name: name})
		}
	}
	metrics.Read(m.sample)
	for _, s := range m.sample {
		n += s.Value.Uint64()
	}
	return n
}

// grace is how long an evaluation that is over its time may take to notice.
const grace = time.Second

// bounded gives what eval gives. The evaluator has operations that ask for
// nothing until they end, such as the comparison of two values that hold
// themselves over and over; one that does not end in time is left to itself.
func (m *meter) bounded(eval func() (any, error)) (any, error) {
	type outcome struct {
		v   any
		err error
	}
	ended := make(chan outcome, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				ended <- outcome{nil, fmt.Errorf("the evaluator failed: %v", r)}
			}
		}()
		v, err := eval()
		ended <- outcome{v, err}
	}()
	late := time.NewTimer(DefaultTimeout + grace)
	defer late.Stop()
	select {
	case o := <-ended:
		return o.v, o.err
	case <-late.C:
		m.stopped.Store(true)
		return nil, errTooMuch()
	}
}

// weigh counts the parts of a value as work: each value costs 1 and its depth,
// each byte of a string 1, up to MaxResult. A value that is in another twice
// counts twice.
func (m *meter) weigh(v any) (int, error) {
	left := MaxResult
	weighs(v, 0, &left)
	if left < 0 {
		return MaxResult, limit("a value is larger than %d", MaxResult)
	}
	return MaxResult - left, m.spend((MaxResult - left) / 64)
}

func weighs(v any, depth int, left *int) {
	if *left -= 1 + depth; *left < 0 {
		return
	}
	part := func(k string, e any) bool {
		*left -= len(k)
		weighs(e, depth+1, left)
		return *left >= 0
	}
	switch v := v.(type) {
	case nil, bool, float64, json.Number:
	case string:
		*left -= len(v)
	case map[string]any:
		for k, e := range v {
			if !part(k, e) {
				return
			}
		}
	case ordered:
		for _, k := range v.Keys() {
			if e, _ := v.Get(k); !part(k, e) {
				return
			}
		}
	default:
		for _, e := range elements(v) {
			if !part("", e) {
				return
			}
		}
	}
}

// elements are those of an array, or of the evaluator's own sequence.
func elements(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && p.Elem().Kind() == reflect.Struct {
		if f := p.Elem().FieldByName("Values"); f.IsValid() && f.CanInterface() {
			list, _ := f.Interface().([]any)
			return list
		}
	}
	return nil
}
