// Command server compares function servers: a bare net/http echo, this
// template's server with its defaults on, and OpenFaaS' own where their
// programs are given by FNSTORE_PEER_WATCHDOG (of-watchdog in front of the bare
// echo) and FNSTORE_PEER_INPROC. Rounds are interleaved and ratios are taken
// within a round, so that a busy machine weighs on all alike. It does not know
// how any of them works.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 5, "interleaved rounds")
	length := flag.Duration("for", time.Second, "of one measurement")
	flag.Parse()
	if err := compare(os.Stdout, *rounds, *length); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// loads are the bodies in bytes and the connections that send them.
var loads = []struct{ body, connections int }{{1 << 10, 1}, {1 << 10, 32}, {1 << 20, 1}, {1 << 20, 32}}

// compare prints one table: medians, and in brackets the median of the ratios
// to bare of the same round.
func compare(out io.Writer, rounds int, length time.Duration) error {
	dir, err := os.MkdirTemp("", "fnstore-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, err := prepare(dir)
	if err != nil {
		return err
	}
	t := &table{out: out}
	for _, c := range all {
		t.names = append(t.names, c.name)
		fmt.Fprintf(out, "%-12s %5.1f MB  %s\n", c.name, float64(c.size)/1e6, c.what)
	}
	begun := make([][]float64, len(all))
	for range 2 * rounds {
		for i, c := range all {
			p, err := c.start()
			if err != nil {
				return err
			}
			begun[i] = append(begun[i], p.first.Seconds()*1e3)
			p.stop()
		}
	}
	running := make([]*process, len(all))
	idle := cells(all)
	for i, c := range all {
		if running[i], err = c.start(); err != nil {
			return err
		}
		defer running[i].stop()
		idle[i] = []float64{running[i].resident()}
	}
	for _, l := range loads {
		rate, p50, p99, cpu := cells(all), cells(all), cells(all), cells(all)
		for range rounds {
			for i, p := range running {
				before := p.cpu()
				r, err := load(p.address, l.connections, l.body, length)
				if err != nil {
					return fmt.Errorf("%s: %w", all[i].name, err)
				}
				rate[i] = append(rate[i], float64(len(r))/length.Seconds())
				slices.Sort(r)
				p50[i] = append(p50[i], ms(r, 50))
				p99[i] = append(p99[i], ms(r, 99))
				cpu[i] = append(cpu[i], (p.cpu()-before)/float64(len(r))*1e6)
			}
		}
		title := fmt.Sprintf("%d KiB, %d connections", l.body>>10, l.connections)
		t.row(title+": requests/s", "%.0f", rate)
		t.row(title+": p50 ms", "%.3f", p50)
		t.row(title+": p99 ms", "%.3f", p99)
		t.row(title+": CPU µs per request", "%.0f", cpu)
		after := cells(all)
		for i, p := range running {
			after[i] = []float64{p.resident()}
		}
		t.row(title+": resident MiB", "%.1f", after)
	}
	t.row("exec to first 200, ms", "%.1f", begun)
	t.row("resident idle, MiB", "%.1f", idle)
	return nil
}

func cells(all []*candidate) [][]float64 { return make([][]float64, len(all)) }

func ms(sorted []time.Duration, percent int) float64 {
	return sorted[(len(sorted)-1)*percent/100].Seconds() * 1e3
}

// table writes rows as they come.
type table struct {
	out    io.Writer
	names  []string
	headed bool
}

func (t *table) row(title, form string, cells [][]float64) {
	if !t.headed {
		t.headed = true
		fmt.Fprintf(t.out, "\n%-42s", "")
		for _, n := range t.names {
			fmt.Fprintf(t.out, "%20s", n)
		}
		fmt.Fprintln(t.out)
	}
	fmt.Fprintf(t.out, "%-42s", title)
	for i, c := range cells {
		text := fmt.Sprintf(form, median(c))
		if i > 0 {
			text += fmt.Sprintf(" (%.2f)", ratio(c, cells[0]))
		}
		fmt.Fprintf(t.out, "%20s", text)
	}
	fmt.Fprintln(t.out)
}

// ratio is the median of the ratios of one round each.
func ratio(of, to []float64) float64 {
	var list []float64
	for i := range of {
		list = append(list, of[i]/to[i])
	}
	return median(list)
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
