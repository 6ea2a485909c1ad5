package logs

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/openfaas/faas-provider/logs"
)

// Query gives the lines that the request asks for, oldest first, and goes on
// with new ones when it follows. The channel is closed at the end, or when ctx
// ends. A line is given once, whether it was read from the file or just came.
func (s *Store) Query(ctx context.Context, r logs.Request) (<-chan logs.Message, error) {
	f := s.file(r.Name)
	f.mu.Lock()     // no line may fall between what is read and what is followed
	for f.removed { // since we asked for it
		f.mu.Unlock()
		f = s.file(r.Name)
		f.mu.Lock()
	}
	past, err := f.past(r)
	var live chan logs.Message
	if err == nil && r.Follow {
		live = make(chan logs.Message, followerLines)
		f.followers[live] = struct{}{}
	}
	f.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("read log of %s: %w", r.Name, err)
	}

	out := make(chan logs.Message)
	go func() {
		defer close(out)
		if live != nil {
			defer func() {
				f.mu.Lock()
				delete(f.followers, live)
				f.mu.Unlock()
			}()
		}
		for _, m := range past {
			select {
			case out <- m:
			case <-ctx.Done():
				return
			}
		}
		for live != nil {
			select {
			case m := <-live:
				if !wanted(r, m) {
					continue
				}
				select {
				case out <- m:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

func wanted(r logs.Request, m logs.Message) bool {
	return (r.Instance == "" || r.Instance == m.Instance) && (r.Since == nil || !m.Timestamp.Before(*r.Since))
}

// past reads the older file and the newer one. A tail keeps that many.
func (f *file) past(r logs.Request) ([]logs.Message, error) {
	var found []logs.Message
	for _, p := range []string{f.path + ".1", f.path} {
		in, err := os.Open(p)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, 8*maxLineBytes) // a line may grow when it is escaped
		for lines.Scan() {
			var m logs.Message
			if json.Unmarshal(lines.Bytes(), &m) != nil || !wanted(r, m) {
				continue // half a line that a crash left
			}
			found = append(found, m)
			if r.Tail > 0 && len(found) > 2*r.Tail {
				found = append(found[:0], found[len(found)-r.Tail:]...)
			}
		}
		_ = in.Close()
	}
	if r.Tail > 0 && len(found) > r.Tail {
		found = found[len(found)-r.Tail:]
	}
	return found, nil
}
