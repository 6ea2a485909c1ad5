// Command overload asks a whole store for more than it can give: functions
// whose capacity is known are called at 1, 2, 5 and 10 times of it, at the times
// of a plan and whatever the answers take; and a thousand slow clients hold on
// to one function while a probe calls it. It shares the machine with what it
// measures and takes capacity with the same generator in the same round. It
// does not know how calls are refused.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"fnstore/tests/bench/report"
	"fnstore/tests/chaos/actors"
	"fnstore/tests/storetest"
)

func main() {
	rounds := flag.Int("rounds", 8, "interleaved rounds")
	length := flag.Duration("for", time.Second, "of one measurement")
	only := flag.String("only", "", "one of waits, works, open, slow")
	clients := flag.Int("clients", 1000, "slow clients")
	flag.Parse()
	if err := run(os.Stdout, *only, *rounds, *length, *clients); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out io.Writer, only string, rounds int, length time.Duration, clients int) (err error) {
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
	for _, c := range cases {
		if only != "" && only != c.name {
			continue
		}
		got, err := c.measure(out, stage, rounds, length)
		if err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
		rows = append(rows, got...)
	}
	if only == "" || only == "slow" {
		got, err := slow(out, stage, clients, max(rounds*int(length/time.Second), 10))
		if err != nil {
			return err
		}
		rows = append(rows, got...)
	}
	report.Print(out, rows...)
	return nil
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
