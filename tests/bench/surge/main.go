// Command surge calls a function that sleeps a thousand times a second, from
// one moment to the next, and tells how long it takes until its callers notice
// nothing any more. Steady is the first second from which on the p99 of every
// second is within twice the p99 of the last five. It does not know how the
// function is woken.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/tests/bench/report"
	"fnstore/tests/chaos/actors"
	"fnstore/tests/chaos/load"
	"fnstore/tests/storetest"
)

const (
	rate    = 1000 // calls a second
	settled = 5    // seconds at the end that say what is usual
)

func main() {
	rounds := flag.Int("rounds", 3, "steps from 0 to 1,000 calls a second")
	seconds := flag.Int("seconds", 10, "of each")
	flag.Parse()
	if err := run(os.Stdout, *rounds, max(*seconds, 2*settled)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out io.Writer, rounds, seconds int) (err error) {
	store, err := storetest.Open()
	if err != nil {
		return err
	}
	defer func() {
		if e := store.Close(); err == nil {
			err = e
		}
	}()
	stage, err := actors.Set(store)
	if err != nil {
		return err
	}
	var rows []report.Row
	for _, f := range []struct {
		name, what string
		env        []string
	}{
		{"quick", "a function that is ready at once", nil},
		{"late", "a function that is ready after 400 ms", []string{"FN_MODE", "late"}},
	} {
		image := stage.Probe
		if f.env != nil {
			image = stage.Rogue
		}
		got, err := step(out, stage, actors.Function(f.name, image, f.env...), f.what, rounds, seconds)
		if err != nil {
			return fmt.Errorf("%s: %w", f.what, err)
		}
		rows = append(rows, got...)
	}
	report.Print(out, rows...)
	return nil
}

func step(out io.Writer, stage *actors.Stage, d types.FunctionDeployment, what string, rounds, seconds int) ([]report.Row, error) {
	if err := stage.Deploy(d); err != nil {
		return nil, err
	}
	if err := stage.Await(d.Service, 1); err != nil {
		return nil, err
	}
	plan := load.Plan{Address: stage.Address(), Request: load.Post("/function/"+d.Service, "{}"), Rate: rate, Conns: 960}
	var steady, usual, longest []float64
	failed, all := 0, 0
	for n := range rounds {
		if err := stage.Scale(d.Service, 0); err != nil {
			return nil, err
		}
		if err := stage.Await(d.Service, 0); err != nil {
			return nil, err
		}
		begun := time.Now()
		calls := load.Run(context.Background(), plan, time.Duration(seconds)*time.Second)
		tally := load.Count(calls)
		second, p99s, last := steadyFrom(calls, begun, seconds)
		fmt.Fprintf(out, "surge, %s, step %d: %s\n  p99 of each second, ms: %.1f; steady from second %d on\n", what, n+1, tally, p99s, second)
		steady, usual = append(steady, float64(second)), append(usual, last)
		longest = append(longest, ms(load.Quantile(load.Times(calls), 1)))
		failed, all = failed+tally.Calls-tally.OK, all+tally.Calls
	}
	return []report.Row{
		{Section: "surge", What: "0 → 1,000 calls a second, " + what + ": errors", Got: float64(failed), Note: fmt.Sprint("of ", all, " calls")},
		{Section: "surge", What: "0 → 1,000 calls a second, " + what + ": until p99 is steady", Got: median(steady), Unit: "s", Least: true,
			Note: fmt.Sprintf("p99 then %.1f ms; the longest call %.0f ms", median(usual), median(longest))},
	}, stage.Remove(d.Service)
}

// steadyFrom gives the first second from which on the p99 of each is within
// twice the usual one, the p99s, and the usual one, in milliseconds.
func steadyFrom(calls []load.Call, begun time.Time, seconds int) (second int, p99s []float64, usual float64) {
	by := make([][]load.Call, seconds)
	var end []load.Call
	for _, c := range calls {
		s := min(int(c.Due.Sub(begun)/time.Second), seconds-1)
		by[s] = append(by[s], c)
		if s >= seconds-settled {
			end = append(end, c)
		}
	}
	for _, list := range by {
		p99s = append(p99s, ms(load.Quantile(load.Times(list), 0.99)))
	}
	usual = ms(load.Quantile(load.Times(end), 0.99))
	for second = seconds; second > 0 && p99s[second-1] <= 2*usual; second-- {
	}
	return second, p99s, usual
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
