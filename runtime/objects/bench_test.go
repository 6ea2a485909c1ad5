package objects

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkPut measures a durable PUT of 1 KiB with its event, without HTTP.
func BenchmarkPut(b *testing.B) {
	s := openStore(b)
	body := strings.Repeat("x", 1<<10)
	for _, workers := range []int{1, 8} {
		b.Run(fmt.Sprintf("x%d", workers), func(b *testing.B) {
			var n atomic.Int64
			var all sync.WaitGroup
			for range workers {
				all.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						if _, err := putIf(s, context.Background(), "box", fmt.Sprint(i), nil, strings.NewReader(body), 1<<10, nil); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
		})
	}
}
