package spans

import (
	"slices"
	"sync"

	"fnstore/kit/trace"
)

// Keep is how many steps are remembered of each sort: quick calls that went well,
// and all others. A step takes about 300 bytes.
const Keep = 8192

// Ring remembers the newest steps. The zero Ring is ready; it is safe for
// concurrent use.
type Ring struct {
	mu             sync.Mutex
	quick, notable buffer

	out chan Span // to the exporter; nil for none
}

type buffer struct {
	list []Span // grows to Keep, and is then written over
	next int
}

func (b *buffer) add(s Span) {
	if len(b.list) < Keep {
		b.list = append(b.list, s)
		return
	}
	b.list[b.next] = s
	b.next = (b.next + 1) % Keep
}

// Record remembers a step that has ended.
func (r *Ring) Record(s Span) {
	r.mu.Lock()
	if s.notable() {
		r.notable.add(s)
	} else {
		r.quick.add(s)
	}
	r.mu.Unlock()
	if r.out != nil && s.Flags&trace.Sampled != 0 {
		select {
		case r.out <- s:
		default: // the collector is slower than the calls
		}
	}
}

// Find gives the steps that are wanted, with their parts, by time.
func (r *Ring) Find(wanted func(*Span) bool) []Span {
	var list []Span
	r.mu.Lock()
	for _, b := range []*buffer{&r.quick, &r.notable} {
		for i := range b.list {
			if wanted(&b.list[i]) {
				list = append(list, b.list[i])
			}
		}
	}
	r.mu.Unlock()
	var all []Span
	for _, s := range list {
		all = append(all, s.Parts()...)
	}
	slices.SortStableFunc(all, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return all
}

// Traces gives the journeys that the call was part of.
func (r *Ring) Traces(callID string) (ids []trace.ID) {
	r.Find(func(s *Span) bool {
		if s.CallID == callID && !slices.Contains(ids, s.Trace) {
			ids = append(ids, s.Trace)
		}
		return false
	})
	return ids
}
