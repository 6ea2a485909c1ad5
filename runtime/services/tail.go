package services

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The last words of a service that go into an error.
const (
	tailBytes = 8 << 10
	tailLines = 12
)

// logMark is how long the log files were, so that a failed start is
// explained by its own lines and not by yesterday's.
type logMark struct {
	skip map[string]int64
}

func (r dataDir) logMark() logMark {
	d := logMark{skip: map[string]int64{}}
	for _, f := range r.logs() {
		if info, err := os.Lstat(f); err == nil {
			d.skip[f] = info.Size()
		}
	}
	d.skip[r.path("start.log")] = 0 // emptied at every start
	return d
}

func (r dataDir) logs() []string {
	names, _ := filepath.Glob(r.path("log/*.log"))
	slices.Sort(names)
	return append([]string{r.path("start.log")}, names...)
}

// since gives the last lines that were written after the logMark.
func (r dataDir) since(d logMark) string {
	var lines []string
	for _, f := range r.logs() {
		for line := range strings.Lines(tail(f, d.skip[f])) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

// tail reads the end of a regular file, what lies before skip left out.
func tail(name string, skip int64) string {
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	if _, err := f.Seek(max(min(skip, end), end-tailBytes), io.SeekStart); err != nil {
		return ""
	}
	b, _ := io.ReadAll(io.LimitReader(f, tailBytes))
	return string(b)
}
