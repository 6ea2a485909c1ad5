package hook

import (
	"sync"
	"time"
)

// settled is how long a source has to be read without a failure before it counts
// as well: one that fails at each read connects in between. It is more than the
// longest pause between two tries.
const settled = maxPause + 10*time.Second

// Metrics counts what connectors did, by source. The zero value and nil count
// nothing wrong: nil counts nothing at all.
type Metrics struct {
	mu      sync.Mutex
	sources map[string]Counts
	now     func() time.Time // nil means time.Now
}

// Counts is what one source did since the process started.
type Counts struct {
	Events   uint64 // dealt with here
	Messages uint64 // written; a duplicate is none
	Skipped  uint64 // messages that were not written because an earlier one was still pending
	Failures uint64 // times that the source had to be connected again
	// Lag is how long the source has not been read: since its first failure
	// after it was last well. 0 while it is well.
	Lag time.Duration

	failing, connected time.Time // zero when it is not
}

// Snapshot gives the counts, by source.
func (m *Metrics) Snapshot() map[string]Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]Counts, len(m.sources))
	for k, v := range m.sources {
		if v.ill(m.time()) {
			v.Lag = m.time().Sub(v.failing)
		}
		out[k] = v
	}
	return out
}

func (m *Metrics) add(source string, f func(*Counts)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sources == nil {
		m.sources = map[string]Counts{}
	}
	c := m.sources[source]
	f(&c)
	m.sources[source] = c
}

func (m *Metrics) time() time.Time {
	if m.now != nil {
		return m.now()
	}
	return time.Now()
}

// ill reports whether the source has failed and not been well since.
func (c Counts) ill(now time.Time) bool {
	return !c.failing.IsZero() && (c.connected.IsZero() || now.Sub(c.connected) < settled)
}

// delivered counts an event, and that its source is well.
func (m *Metrics) delivered(source string, messages int) {
	m.add(source, func(c *Counts) { c.Events++; c.Messages += uint64(messages); c.failing = time.Time{} })
}

func (m *Metrics) connected(source string) {
	m.add(source, func(c *Counts) { c.connected = m.time() })
}

func (m *Metrics) skipped(source string) { m.add(source, func(c *Counts) { c.Skipped++ }) }

// Failed counts that a source has to be connected again.
func (m *Metrics) Failed(source string) {
	m.add(source, func(c *Counts) {
		c.Failures++
		if now := m.time(); !c.ill(now) {
			c.failing = now
		}
		c.connected = time.Time{}
	})
}
