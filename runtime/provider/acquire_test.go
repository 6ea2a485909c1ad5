package provider

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// nobody is a replica that is never called.
type nobody struct{}

func (nobody) Transport() http.RoundTripper                { return http.DefaultTransport }
func (nobody) Metrics() http.RoundTripper                  { return nil }
func (nobody) AwaitReady(context.Context, Readiness) error { return nil }
func (nobody) Exited() <-chan struct{}                     { return nil }
func (nobody) How() string                                 { return "" }
func (nobody) Stop(time.Duration)                          {}

// serving is a provider of one function, f, with so many ready replicas that take
// limit calls each.
func serving(replicas int, limit int64) (*Provider, *function) {
	f := newFunction(&Provider{look: make(chan struct{}, 1)}, record{})
	f.scaler.scaling = defaultScaling
	r := &release{f: f, maxInflight: limit}
	var slots []*slot
	for range replicas {
		s := &slot{r: r}
		s.live.Store(newInstance(nobody{}))
		slots = append(slots, s)
	}
	r.slots.Store(&slots)
	f.current.Store(r)
	f.setReplicas(len(slots))
	functions := map[string]*function{"f": f}
	f.p.functions.Store(&functions)
	return f.p, f
}

// What a call costs on its way to its replica, which it pays each time.
func BenchmarkAcquire(b *testing.B) {
	p, _ := serving(5, 0)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, release, err := p.Acquire(b.Context(), "f")
			if err != nil {
				b.Fatal(err)
			}
			release()
		}
	})
}
