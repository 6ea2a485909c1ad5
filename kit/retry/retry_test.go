package retry

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"fnstore/kit/fault"
)

var (
	passes = fault.New(fault.Unavailable, "down", "down")
	stays  = fault.New(fault.Invalid, "bad", "bad")
)

// rigged is a policy whose pauses are the longest, and are noted instead of made.
func rigged(pauses *[]time.Duration) Policy {
	return Policy{
		pick:  func(most time.Duration) time.Duration { return most },
		sleep: func(_ context.Context, d time.Duration) error { *pauses = append(*pauses, d); return nil },
	}
}

// Seed: R32, B20, B21
func TestDo_TriesAndPauses(t *testing.T) {
	const ms = time.Millisecond
	asks := fault.New(fault.TooMany, "slow", "slow").After(2 * time.Second)
	for _, c := range []struct {
		name   string
		errs   []error
		want   error
		pauses []time.Duration
	}{
		{"succeeds", []error{nil}, nil, nil},
		{"succeeds at last", []error{passes, passes, nil}, nil, []time.Duration{100 * ms, 200 * ms}},
		{"never, and no pause after the last try", []error{passes, passes, passes}, passes, []time.Duration{100 * ms, 200 * ms}},
		{"the last error is returned", []error{passes, asks, errors.New("x")}, nil, []time.Duration{100 * ms, 2 * time.Second}},
		{"what stays is not tried again", []error{stays}, stays, nil},
		{"what stays at the second try", []error{passes, stays}, stays, []time.Duration{100 * ms}},
	} {
		var pauses []time.Duration
		calls := 0
		err := rigged(&pauses).Do(t.Context(), func(n int) error {
			calls++
			if n != calls {
				t.Errorf("%s: try %d is called %d", c.name, calls, n)
			}
			return c.errs[n-1]
		})
		if want := c.errs[len(c.errs)-1]; !errors.Is(err, want) || calls != len(c.errs) || !slices.Equal(pauses, c.pauses) {
			t.Errorf("%s: %v after %d calls and pauses %v", c.name, err, calls, pauses)
		}
	}
}

// Pauses are random from nothing to their bound, and the fourth is eight times
// the first.
func TestDo_FullJitter(t *testing.T) {
	var bounds []time.Duration
	p := Policy{Tries: 5, pick: func(most time.Duration) time.Duration { bounds = append(bounds, most); return 0 }}
	_ = p.Do(t.Context(), func(int) error { return passes })
	if want := []time.Duration{100e6, 200e6, 400e6, 800e6}; !slices.Equal(bounds, want) {
		t.Errorf("%v, want %v", bounds, want)
	}
}

// No pause goes beyond the deadline, and one that is cut short returns the error
// of the try.
func TestDo_Deadline(t *testing.T) {
	var pauses []time.Duration
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	long := fault.New(fault.TooMany, "slow", "slow").After(2 * time.Hour)
	calls := 0
	if err := rigged(&pauses).Do(ctx, func(int) error { calls++; return long }); !errors.Is(err, long) || calls != 1 || pauses != nil {
		t.Errorf("%v after %d calls, pauses %v", err, calls, pauses)
	}
	ended, end := context.WithCancel(t.Context())
	err := Policy{Base: time.Hour, pick: func(most time.Duration) time.Duration { return most }}.Do(ended, func(int) error {
		time.AfterFunc(time.Millisecond, end)
		return passes
	})
	if !errors.Is(err, passes) {
		t.Errorf("%v", err)
	}
}
