package main

import (
	"bytes"
	"regexp"
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

// verdicts makes a row of each test that `go test -v` tells of: whether it
// failed, with the last line that it printed as a note.
type verdicts struct {
	section string
	rows    []report.Row
	said    string
	rest    []byte // of a line that has not ended
}

var (
	verdict = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+)`)
	printed = regexp.MustCompile(`^    \S+\.go:\d+: (.*)`)
)

func (v *verdicts) Write(b []byte) (int, error) {
	v.rest = append(v.rest, b...)
	for {
		line, rest, whole := bytes.Cut(v.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		v.rest = rest
		if m := printed.FindSubmatch(line); m != nil {
			v.said = shortened(string(m[1]))
		}
		m := verdict.FindSubmatch(line)
		if m == nil {
			continue
		}
		r := report.Row{Section: v.section, What: string(m[2]) + ": failures", Note: v.said}
		switch string(m[1]) {
		case "FAIL":
			r.Got = 1
		case "SKIP":
			r = report.NotMeasured(v.section, string(m[2]), v.said)
		}
		v.rows, v.said = append(v.rows, r), ""
	}
}

// shortened leaves of a line what fits beside a row.
func shortened(s string) string {
	const most = 120
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
