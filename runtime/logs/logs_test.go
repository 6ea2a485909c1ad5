package logs

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/logs"
)

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "logs"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func texts(t *testing.T, s *Store, r logs.Request) (list []string) {
	t.Helper()
	ch, err := s.Query(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for m := range ch {
		list = append(list, m.Text)
	}
	return list
}

// Whatever a function writes, its log goes on.
func TestLogs_NothingStopsALog(t *testing.T) {
	s := open(t)
	long := strings.Repeat("x", 3*MaxLine)
	s.Copy("f", "ns", "i", strings.NewReader("plain\r\n"+long+"\n\xff\x00\x1b[31m\"\\\n\nlast without an end"))
	got := texts(t, s, logs.Request{Name: "f"})
	if len(got) != 5 || got[0] != "plain" || got[1] != long[:MaxLine]+" [cut: 131072 more bytes]" || got[2] != "\uFFFD\x00\x1b[31m\"\\" || got[3] != "" || got[4] != "last without an end" {
		t.Errorf("%d lines: %.60q", len(got), got)
	}
}

// A line is marked where it is cut, and only then.
func TestCopy_MarksWhereItCuts(t *testing.T) {
	full := strings.Repeat("x", MaxLine)
	for in, want := range map[string]string{
		full: full, full + "\n": full, full + "\r\n": full, full[1:] + "\n": full[1:],
		full + "y":             full + " [cut: 1 more bytes]",
		full + "yz\n":          full + " [cut: 2 more bytes]",
		full + "yz\r\n":        full + " [cut: 2 more bytes]",
		full + full:            full + " [cut: 65536 more bytes]",
		full + full + "\nnext": full + " [cut: 65536 more bytes]",
	} {
		s := open(t)
		s.Copy("f", "ns", "i", strings.NewReader(in))
		if got := texts(t, s, logs.Request{Name: "f"}); len(got) == 0 || got[0] != want {
			t.Errorf("%d bytes: %d lines that do not begin with one of %d bytes", len(in), len(got), len(want))
		}
	}
}

func TestLogs_QueriesNarrow(t *testing.T) {
	s := open(t)
	for i := range 10 {
		s.WriteLine("f", "ns", fmt.Sprint("i-", i%2), fmt.Sprint(i))
	}
	s.WriteLine("g", "ns", "i", "another's")
	if got := texts(t, s, logs.Request{Name: "f", Tail: 3}); strings.Join(got, "") != "789" {
		t.Errorf("tail %v", got)
	}
	if got := texts(t, s, logs.Request{Name: "f", Instance: "i-1"}); strings.Join(got, "") != "13579" {
		t.Errorf("instance %v", got)
	}
	soon := time.Now().Add(time.Hour)
	if got := texts(t, s, logs.Request{Name: "f", Since: &soon}); len(got) != 0 {
		t.Errorf("since %v", got)
	}
	if got := texts(t, s, logs.Request{Name: "nobody"}); len(got) != 0 {
		t.Errorf("of nobody %v", got)
	}
}

// A follower sees every line once: those that were there and those that come.
func TestLogs_FollowersMissNothing(t *testing.T) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for range 3 {
		s.WriteLine("f", "ns", "i", "before")
	}
	ch, err := s.Query(ctx, logs.Request{Name: "f", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		writers.Go(func() {
			for range 50 {
				s.WriteLine("f", "ns", "i", "after")
			}
		})
	}
	counts := map[string]int{}
	for range 203 {
		counts[(<-ch).Text]++
	}
	writers.Wait()
	if counts["before"] != 3 || counts["after"] != 200 {
		t.Errorf("%v", counts)
	}
	cancel()
	for range ch {
		t.Error("a line too many")
	}
	f := s.file("f")
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.followers) != 0 {
		t.Error("the follower is still fed")
	}
}

func TestLogs_AFileIsTurnedOver(t *testing.T) {
	s := open(t)
	line := strings.Repeat("y", MaxLine)
	for range 3 * MaxFile / MaxLine {
		s.WriteLine("f", "ns", "i", line)
	}
	s.WriteLine("f", "ns", "i", "newest")
	var size int64
	for _, name := range []string{"f.ndjson", "f.ndjson.1"} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 2*MaxFile {
		t.Errorf("%d bytes are kept", size)
	}
	if got := texts(t, s, logs.Request{Name: "f", Tail: 1}); len(got) != 1 || got[0] != "newest" {
		t.Errorf("%.40q", got)
	}
	// Half a line, as a crash leaves it, hides nothing else.
	f, err := os.OpenFile(filepath.Join(s.dir, "f.ndjson"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"name":"f","te` + "\n"); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	s.WriteLine("f", "ns", "i", "after")
	if got := texts(t, s, logs.Request{Name: "f", Tail: 2}); strings.Join(got, " ") != "newest after" {
		t.Errorf("%.60q", got)
	}
	if err := s.Remove("f"); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, s, logs.Request{Name: "f"}); len(got) != 0 {
		t.Errorf("after remove: %d lines", len(got))
	}
}

// Functions come and go, each with a name of its own: nothing is kept of them,
// and what a removed one still says does not bring its file back.
func TestLogs_NothingIsLeftOfARemovedLog(t *testing.T) {
	s := open(t)
	for i := range 100 {
		name := fmt.Sprint("f", i)
		late, say := io.Pipe()
		done := make(chan struct{})
		go func() { s.Copy(name, "ns", "i", late); close(done) }()
		if _, err := io.WriteString(say, "first\n"); err != nil {
			t.Fatal(err)
		}
		for len(texts(t, s, logs.Request{Name: name})) == 0 { // it is written beside us
		}
		if err := s.Remove(name); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(say, "late\n"); err != nil {
			t.Fatal(err)
		}
		_ = say.Close()
		<-done
	}
	if left, err := os.ReadDir(s.dir); len(left) != 0 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
	if len(s.files) != 0 {
		t.Errorf("%d logs are remembered", len(s.files))
	}
}

func TestLogs_AFollowerHearsOfTheNextOfTheName(t *testing.T) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ch, err := s.Query(ctx, logs.Request{Name: "f", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Remove("f"); err != nil {
		t.Fatal(err)
	}
	s.WriteLine("f", "ns", "i", "another")
	if m := <-ch; m.Text != "another" {
		t.Errorf("heard %q", m.Text)
	}
}
