package process

import (
	"io"
	"sync"
)

// ahead keeps one of what takes a while to make, for the next who needs it.
type ahead[T io.Closer] struct {
	fresh func() (T, error)

	mu     sync.Mutex
	spare  []T // one, or none
	closed bool
}

// take gives one that nobody has used, and says whether it was made ahead.
func (a *ahead[T]) take() (t T, made bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.spare) > 0 {
		s := a.spare[0]
		a.spare = nil
		return s, true, nil
	}
	t, err = a.fresh()
	return t, false, err
}

// prepare makes the one that take gives next.
func (a *ahead[T]) prepare() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.spare) > 0 || a.closed {
		return
	}
	if s, err := a.fresh(); err == nil { // else take says why it cannot be done
		a.spare = []T{s}
	}
}

func (a *ahead[T]) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, s := range a.spare {
		_ = s.Close()
	}
	a.spare = nil
}
