// Package report prints what a benchmark measured beside what it had to reach,
// one row each. The sections of `make bench` are programs of their own; each
// prints its rows through Print, which also adds them to the file that FileVar
// names, so that one table can stand at the end of the run. It does not know
// what was measured.
package report

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"text/tabwriter"
)

// Row is one figure and its bar.
type Row struct {
	Section string  // the program that measured it, such as "server"
	What    string  // what was measured, with its conditions
	Got     float64 // NaN: it could not be measured, and Note says why
	Unit    string  // of Got, Bar and Aim; "×" for a ratio
	Bar     float64 // Got must be this or better
	Least   bool    // better is more; else better is less. At least 0 is no bar at all
	Aim     float64 // what would be better still; 0: nothing
	Note    string  // what a reader of the figure must know
}

// FileVar names the variable with the path of the file that collects the rows
// of one run.
const FileVar = "FNSTORE_BENCH_ROWS"

// NotMeasured is the row of something that this machine cannot measure.
func NotMeasured(section, what, why string) Row {
	return Row{Section: section, What: what, Got: math.NaN(), Note: why}
}

// Met says whether the bar was reached. A row without a figure never is, and a
// row without a bar always.
func (r Row) Met() bool {
	switch {
	case math.IsNaN(r.Got):
		return false
	case r.Least:
		return r.Got >= r.Bar
	}
	return r.Got <= r.Bar
}

// verdict is one word, or two.
func (r Row) verdict() string {
	switch {
	case math.IsNaN(r.Got):
		return "NOT MEASURED"
	case r.Least && r.Bar == 0:
		return "-"
	case r.Met():
		return "met"
	}
	return "MISSED"
}

// Print writes the rows as aligned lines and keeps them for the table of the
// run, if there is one.
func Print(w io.Writer, rows ...Row) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Section, r.What, r.got(), r.bar(), r.verdict(), r.Note)
	}
	_ = t.Flush() // a screen that cannot be written says so to nobody
	if path := os.Getenv(FileVar); path != "" {
		if err := add(path, rows); err != nil {
			fmt.Fprintln(os.Stderr, "keep the rows:", err)
		}
	}
}

func (r Row) got() string {
	if math.IsNaN(r.Got) {
		return "-"
	}
	text := r.number(r.Got)
	if !r.Met() && text == r.number(r.Bar) {
		text = strconv.FormatFloat(r.Got, 'g', -1, 64) // rounded, a near miss would look like a hit
	}
	return text
}

func (r Row) bar() string {
	if math.IsNaN(r.Got) || r.Least && r.Bar == 0 {
		return ""
	}
	sign := "≤ "
	if r.Least {
		sign = "≥ "
	}
	text := sign + r.number(r.Bar)
	if r.Aim != 0 {
		text += " (aim " + r.number(r.Aim) + ")"
	}
	return text
}

// number is short: as many digits as a figure of its size deserves.
func (r Row) number(n float64) string {
	places := 0
	switch size := math.Abs(n); {
	case n == math.Trunc(n):
	case size < 10:
		places = 3
	case size < 1000:
		places = 1
	}
	text := strconv.FormatFloat(n, 'f', places, 64)
	switch r.Unit {
	case "":
		return text
	case "×", "%":
		return text + r.Unit
	}
	return text + " " + r.Unit
}
