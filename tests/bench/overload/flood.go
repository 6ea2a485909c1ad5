package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"fnstore/tests/bench/report"
	"fnstore/tests/chaos/actors"
	"fnstore/tests/chaos/load"
)

// flood is a function that takes a known time, and what bounds the calls of it.
type flood struct {
	name, what string
	env        []string
	at         int // calls at once that make up its capacity; 0: as many as the gateway takes
	stretch    int // times longer than others: so that there are calls enough
}

// The capacity of what waits depends on no processor; that of what works does,
// and the calls that are refused take their share of it: a third of a
// millisecond each, the generator's part included. So its calls have a size that
// is worth refusing others for, that of a photo.
var cases = []flood{
	{"waits", "20 ms of waiting, max_inflight 4", []string{"probe_ms", "20", "max_inflight", "4"}, 4, 1},
	{"works", "100 ms of work, max_inflight 2", []string{"probe_cpu", "100", "max_inflight", "2"}, 2, 3},
	{"open", "1 s of waiting, the gateway's own bound", []string{"probe_ms", "1000"}, 0, 4},
}

var floods = []int{1, 2, 5, 10}

// measured is one round.
type measured struct {
	capacity float64       // calls a second
	unloaded time.Duration // p99
	goodput  map[int]float64
	p99      map[int]time.Duration
	tally    map[int]load.Tally
	cost     string // of a call at 10 times
}

func (c flood) measure(out io.Writer, stage *actors.Stage, rounds int, length time.Duration) ([]report.Row, error) {
	d := actors.Annotate(actors.Function(c.name, stage.Probe, c.env...), "fnstore.scale.max", "1")
	if err := stage.Deploy(d); err != nil {
		return nil, err
	}
	if err := stage.Await(c.name, 1); err != nil {
		return nil, err
	}
	plan := load.Plan{Address: stage.Address(), Request: load.Post("/function/"+c.name, "{}"), Conns: 960, CallTimeout: 30 * time.Second}
	var all []measured
	rounds, length = max(rounds/c.stretch, 1), time.Duration(c.stretch)*length
	for n := range rounds {
		m, err := c.round(stage, plan, length)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "overload, %s, round %d: capacity %.0f/s, unloaded p99 %.1f ms\n", c.what, n+1, m.capacity, ms(m.unloaded))
		for _, times := range floods {
			fmt.Fprintf(out, "  at %2d×: %4.0f/s answered, p99 %6.1f ms; %s\n", times, m.goodput[times], ms(m.p99[times]), m.tally[times])
		}
		fmt.Fprintf(out, "  each call at 10×: %s\n", m.cost)
		all = append(all, m)
	}
	return c.rows(all), stage.Remove(c.name)
}

func (c flood) round(stage *actors.Stage, plan load.Plan, length time.Duration) (m measured, err error) {
	m = measured{goodput: map[int]float64{}, p99: map[int]time.Duration{}, tally: map[int]load.Tally{}}
	ctx := context.Background()
	plan.Rate = 20 / float64(c.stretch) // calls that seldom meet
	m.unloaded = load.Quantile(load.Times(load.Run(ctx, plan, length)), 0.99)

	full := plan
	if full.Conns = c.at; c.at == 0 {
		full.Conns = bound(ctx, plan)
	}
	begun := time.Now()
	saturated := load.Busy(ctx, full, m.unloaded+length)
	if t := load.Count(saturated); t.OK != t.Calls {
		return m, fmt.Errorf("at its capacity: %s", t)
	}
	// The first answers come a service time late: what is counted is a window
	// moved by it, here and below.
	m.capacity = load.Goodput(saturated, begun.Add(m.unloaded), length)
	for _, times := range floods {
		plan.Rate = m.capacity * float64(times)
		before := used(stage, c.name)
		begun := time.Now()
		calls := load.Run(ctx, plan, m.unloaded+length)
		m.cost = used(stage, c.name).since(before, len(calls))
		m.goodput[times] = load.Goodput(calls, begun.Add(m.unloaded), length)
		m.p99[times] = load.Quantile(load.Times(calls), 0.99)
		m.tally[times] = load.Count(calls)
	}
	return m, nil
}

// bound is how many calls at once the gateway takes of one function.
func bound(ctx context.Context, plan load.Plan) int {
	plan.Rate = 5000
	return load.Count(load.Run(ctx, plan, 200*time.Millisecond)).OK
}

func (c flood) rows(all []measured) (rows []report.Row) {
	var capacity, goodput float64 // sums: what else the machine does weighs on both alike
	var unloaded, p99 []float64
	odd, mute, shed := map[string]int{}, 0, 0
	for _, m := range all {
		capacity, goodput = capacity+m.capacity, goodput+m.goodput[10]
		unloaded, p99 = append(unloaded, ms(m.unloaded)), append(p99, ms(m.p99[10]))
		for _, t := range m.tally {
			mute, shed = mute+t.Mute, shed+t.Shed
			for kind, n := range t.Kinds {
				if status, _, _ := strings.Cut(kind, " "); status != "429" && status != "503" {
					odd[kind] += n
				}
			}
		}
	}
	errors := 0
	for _, n := range odd {
		errors += n
	}
	row := func(what string, got float64, unit string, bar, aim float64, least bool, note string) {
		rows = append(rows, report.Row{Section: "overload", What: c.what + ": " + what, Got: got, Unit: unit, Bar: bar, Aim: aim, Least: least, Note: note})
	}
	row("answered at 10×, of capacity", 100*goodput/capacity, "%", 80, 90, true, fmt.Sprintf("%.0f of %.0f calls a second", goodput/float64(len(all)), capacity/float64(len(all))))
	row("p99 of the admitted at 10×, of unloaded", median(p99)/median(unloaded), "×", 3, 0, false, fmt.Sprintf("%.1f of %.1f ms", median(p99), median(unloaded)))
	row("shed without Retry-After", float64(mute), "", 0, 0, false, "of "+strconv.Itoa(shed)+" that were shed with 429 or 503")
	row("failed otherwise", float64(errors), "", 0, 0, false, strings.Join(slices.Sorted(maps.Keys(odd)), ", "))
	return rows
}
