package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Tally is what became of calls.
type Tally struct {
	Calls int
	OK    int            // answered 2xx
	Shed  int            // answered 429 or 503
	Mute  int            // of those, how many did not say when to come again
	Kinds map[string]int // what became of the others: status and code, or the error
}

// Count tallies calls.
func Count(calls []Call) Tally {
	t := Tally{Calls: len(calls), Kinds: map[string]int{}}
	for i := range calls {
		c := &calls[i]
		if c.Status >= 200 && c.Status < 300 {
			t.OK++
			continue
		}
		t.Kinds[c.Kind()]++
		if c.Status == 429 || c.Status == 503 {
			t.Shed++
			if !c.Retry {
				t.Mute++
			}
		}
	}
	return t
}

// Kind names what became of a call.
func (c *Call) Kind() string {
	switch {
	case c.Err != nil:
		s := c.Err.Error()
		return s[strings.LastIndex(s, ": ")+1:] // the cause without ports, which are never twice the same
	case c.Code != "":
		return fmt.Sprint(c.Status, " ", c.Code)
	}
	return fmt.Sprint(c.Status)
}

func (t Tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d calls, %d answered 2xx", t.Calls, t.OK)
	for _, k := range slices.Sorted(maps.Keys(t.Kinds)) {
		fmt.Fprintf(&b, ", %d × %s", t.Kinds[k], strings.TrimSpace(k))
	}
	if t.Shed > 0 {
		fmt.Fprintf(&b, "; %d of %d shed say when to come again", t.Shed-t.Mute, t.Shed)
	}
	return b.String()
}

// Times are how long the calls took that were answered 2xx, in order.
func Times(calls []Call) []time.Duration {
	var list []time.Duration
	for i := range calls {
		if c := &calls[i]; c.Status >= 200 && c.Status < 300 {
			list = append(list, c.Took)
		}
	}
	slices.Sort(list)
	return list
}

// Quantile of times in order, by nearest rank; 0 of none.
func Quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
