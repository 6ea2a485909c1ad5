package limit

import (
	"testing"
	"time"

	"fnstore/runtime/services/servicestest"
)

// BenchmarkTake_Together decides about calls that come 32 at a time.
func BenchmarkTake_Together(b *testing.B) {
	l := patient(b, servicestest.Redis(b))
	p := Policy{Name: "p", Limit: maxLimit, Window: time.Second}
	b.SetParallelism(16) // for each of two processors
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Take(b.Context(), p, "everybody"); err != nil {
				b.Error(err)
			}
		}
	})
}
