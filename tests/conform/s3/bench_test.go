package s3

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
)

// BenchmarkEmbedded measures the embedded store through HTTP with minio-go,
// server, client and Postgres on one machine, every PUT durable and with the
// row of its event.
func BenchmarkEmbedded(b *testing.B) {
	_, target := embedded(b)
	c, err := minioClient(target)
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{1 << 10, 10 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		put := func(key string) error {
			_, err := c.PutObject(b.Context(), "kept", key, bytes.NewReader(body), int64(size), minio.PutObjectOptions{})
			return err
		}
		get := func(key string) error {
			o, err := c.GetObject(b.Context(), "kept", key, minio.GetObjectOptions{})
			if err != nil {
				return err
			}
			defer o.Close()
			_, err = io.Copy(io.Discard, o)
			return err
		}
		if err := put(fmt.Sprint("read", size)); err != nil {
			b.Fatal(err)
		}
		for _, workers := range []int{1, 8} {
			b.Run(fmt.Sprintf("put/%dK/x%d", size>>10, workers), func(b *testing.B) {
				each(b, workers, size, func(n int64) error { return put(fmt.Sprintf("%d/%d", size, n)) })
			})
			b.Run(fmt.Sprintf("get/%dK/x%d", size>>10, workers), func(b *testing.B) {
				each(b, workers, size, func(int64) error { return get(fmt.Sprint("read", size)) })
			})
		}
	}
}

func each(b *testing.B, workers, size int, do func(n int64) error) {
	b.SetBytes(int64(size))
	var next atomic.Int64
	errs := make(chan error, workers)
	for range workers {
		go func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					errs <- nil
					return
				}
				if err := do(n); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	for range workers {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}
