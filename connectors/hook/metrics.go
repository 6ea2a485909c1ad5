package hook

import (
	"sync"
)

// Metrics counts what connectors did, by source. The zero value and nil count
// nothing wrong: nil counts nothing at all.
type Metrics struct {
	mu      sync.Mutex
	sources map[string]Counts
}

// Counts is what one source did since the process started.
type Counts struct {
	Events   uint64 // dealt with here
	Messages uint64 // written; a duplicate is none
	Skipped  uint64 // messages that were not written because an earlier one was still pending
	Failures uint64 // times that the source had to be connected again
}

// Snapshot gives the counts, by source.
func (m *Metrics) Snapshot() map[string]Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]Counts, len(m.sources))
	for k, v := range m.sources {
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

func (m *Metrics) delivered(source string, messages int) {
	m.add(source, func(c *Counts) { c.Events++; c.Messages += uint64(messages) })
}

func (m *Metrics) skipped(source string) { m.add(source, func(c *Counts) { c.Skipped++ }) }

// Failed counts that a source has to be connected again.
func (m *Metrics) Failed(source string) { m.add(source, func(c *Counts) { c.Failures++ }) }
