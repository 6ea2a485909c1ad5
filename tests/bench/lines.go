package main

import (
	"bytes"
	"fmt"
	"strings"

	"fnstore/tests/bench/report"
)

// lastLine remembers the last line that was written, which is where programs
// say why they gave up.
type lastLine struct{ text string }

func (l *lastLine) Write(b []byte) (int, error) {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		l.text = last
	}
	return len(b), nil
}

// firstLine leaves out the "# package" of a compiler.
func firstLine(b []byte) string {
	for line := range bytes.Lines(b) {
		if s := strings.TrimSpace(string(line)); s != "" && !strings.HasPrefix(s, "#") {
			return s
		}
	}
	return "no reason given"
}

// verdicts counts what `go test -v` says of its tests.
type verdicts struct {
	passed, failed, skipped int
	rest                    []byte // of a line that has not ended
}

func (v *verdicts) Write(b []byte) (int, error) {
	v.rest = append(v.rest, b...)
	for {
		line, rest, whole := bytes.Cut(v.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		switch v.rest = rest; {
		case bytes.HasPrefix(line, []byte("--- PASS: ")):
			v.passed++
		case bytes.HasPrefix(line, []byte("--- FAIL: ")):
			v.failed++
		case bytes.HasPrefix(line, []byte("--- SKIP: ")):
			v.skipped++
		}
	}
}

func (v *verdicts) row(section string) report.Row {
	return report.Row{Section: section, What: "tests that failed", Got: float64(v.failed),
		Note: fmt.Sprintf("%d passed, %d skipped", v.passed, v.skipped)}
}
