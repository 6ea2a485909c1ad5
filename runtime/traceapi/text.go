package traceapi

import (
	"fmt"
	"strconv"
	"strings"
)

// barWidth is how many characters the whole journey has in a waterfall.
const barWidth = 32

// Text draws the waterfall for a terminal.
func Text(t Trace) string {
	var b strings.Builder
	fmt.Fprintf(&b, "call %s  %s  %s  %s\n", t.CallID, t.Start.Local().Format("2006-01-02 15:04:05.000"), Span(t.Took), t.State)
	if t.TraceID != "" {
		fmt.Fprintf(&b, "trace %s\n", t.TraceID)
	}
	b.WriteByte('\n')
	width := 0
	for _, s := range t.Steps {
		width = max(width, 2*s.Depth+len(s.name()))
	}
	for _, s := range t.Steps {
		name := strings.Repeat("  ", s.Depth) + s.name()
		line := fmt.Sprintf("%-*s  %s  %9s  %s", width, name, t.bar(s), Span(s.Took), s.End())
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if len(t.Logs) > 0 {
		b.WriteByte('\n')
		for _, l := range t.Logs {
			fmt.Fprintf(&b, "%9s  %s: %s\n", Span(l.Offset), l.Function, printable(l.Text))
		}
	}
	return b.String()
}

// printable has no character that a terminal obeys.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return '\uFFFD'
		}
		return c
	}, s)
}

// name says what the step is.
func (s Step) name() string {
	n := string(s.Kind)
	if s.Kind == "attempt" {
		n += " " + strconv.Itoa(s.Attempt)
	}
	if s.Function != "" {
		n += " " + s.Function
	}
	if s.Source != "" && s.Kind == "message" {
		n += " (" + s.Source + ")"
	}
	return n
}

// End says how the step ended.
func (s Step) End() string {
	var words []string
	if s.Status != 0 {
		words = append(words, strconv.Itoa(s.Status))
	}
	if s.Code != "" {
		words = append(words, s.Code)
	}
	switch {
	case s.Open:
		words = append(words, "not ended")
	case s.Kind == "attempt" && s.Verdict == "retry":
		words = append(words, "tried again")
	case s.Verdict != "" && s.Kind == "message":
		words = append(words, s.Verdict)
	}
	return strings.Join(words, " ")
}

func (t Trace) bar(s Step) string {
	at := func(ms float64) int { return min(max(int(ms/max(t.Took, 0.001)*barWidth), 0), barWidth) }
	from, to := min(at(s.Offset), barWidth-1), at(s.Offset+s.Took)
	to = max(to, from+1)
	mark := "█"
	if s.Failed {
		mark = "▒"
	}
	return "│" + strings.Repeat(" ", from) + strings.Repeat(mark, to-from) + strings.Repeat(" ", barWidth-to) + "│"
}

// Span writes milliseconds for a person.
func Span(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 60_000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms < 3_600_000:
		return fmt.Sprintf("%.0f min", ms/60_000)
	}
	return fmt.Sprintf("%.1f h", ms/3_600_000)
}
