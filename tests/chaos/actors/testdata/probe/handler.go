// Package function tells which of its processes answers, after the time that it
// is asked to take.
package function

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Handle reads from the query: words to say to the log at once, ms to sleep, cpu ms to be busy, secret to show,
// size of a body to send. Without a query it takes the times of its settings
// probe_ms and probe_cpu.
func Handle(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	q := r.URL.Query()
	number := func(name string) int {
		v := q.Get(name)
		if v == "" {
			v = os.Getenv("probe_" + name)
		}
		n, _ := strconv.Atoi(v)
		return n
	}
	if words := q.Get("say"); words != "" {
		fmt.Println(words) // into the log: the call is here
	}
	select {
	case <-time.After(time.Duration(number("ms")) * time.Millisecond):
	case <-r.Context().Done():
	}
	if n := number("cpu"); n > 0 {
		work(n)
	}
	if n := number("size"); n > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(n))
		for chunk := make([]byte, 32<<10); n > 0; n -= len(chunk) {
			if _, err := w.Write(chunk[:min(n, len(chunk))]); err != nil {
				return
			}
		}
		return
	}
	secret := ""
	if name := q.Get("secret"); name != "" {
		b, err := os.ReadFile(filepath.Join(os.Getenv("secret_mount_path"), name))
		secret = fmt.Sprint(string(b), err)
	}
	fmt.Fprintf(w, "pid=%d version=%s secret=%s\n", os.Getpid(), os.Getenv("version"), secret)
}

var sink uint64

// work is so much work that an unhurried processor takes about n milliseconds:
// an amount, not a time, so that two calls at once take twice as long.
func work(n int) {
	x := uint64(n) | 1
	for range n * 400_000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	if x == 0 {
		sink = x
	}
}
