package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// table writes rows as they come.
type table struct {
	out    io.Writer
	names  []string
	headed bool
}

func (t *table) row(title, form string, c cells) {
	if !t.headed {
		t.headed = true
		fmt.Fprintf(t.out, "\n%-42s", "")
		for _, n := range t.names {
			fmt.Fprintf(t.out, "%20s", n)
		}
		fmt.Fprintln(t.out)
	}
	fmt.Fprintf(t.out, "%-42s", title)
	for i := range c {
		text := fmt.Sprintf(form, median(c[i]))
		if i > 0 {
			text += fmt.Sprintf(" (%.2f)", ratio(c[i], c[0]))
		}
		fmt.Fprintf(t.out, "%20s", text)
	}
	fmt.Fprintln(t.out)
}

// ratio is the median of the ratios of one round each.
func ratio(of, to []float64) float64 {
	return pairs(of, to, func(a, b float64) float64 { return a / b })
}

// more is the median of the differences of one round each.
func more(of, than []float64) float64 {
	return pairs(of, than, func(a, b float64) float64 { return a - b })
}

func pairs(a, b []float64, f func(a, b float64) float64) float64 {
	var list []float64
	for i := range a {
		list = append(list, f(a[i], b[i]))
	}
	return median(list)
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// ms is a percentile of sorted times, in milliseconds.
func ms(sorted []time.Duration, percent int) float64 {
	return sorted[(len(sorted)-1)*percent/100].Seconds() * 1e3
}
