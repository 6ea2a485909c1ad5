// Command queue measures the store's queue through a whole store with every
// default on: fsync, synchronous commits, the gateway and a function that does
// nothing but greet. Beside it River and NATS JetStream do the same work with
// the same function behind the same gateway; all take turns, and ratios are
// taken within a round. It does not know how the queue works.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"fnstore/tests/bench/report"
	"fnstore/tests/storetest"
)

const section = "queue"

// settings of a run.
type settings struct {
	rounds  int
	length  time.Duration // of one closed loop
	held    time.Duration // that a snapshot is open beside one
	backlog int
	peers   bool
	parts   string
}

func main() {
	var set settings
	flag.IntVar(&set.rounds, "rounds", 3, "interleaved rounds")
	flag.DurationVar(&set.length, "for", 8*time.Second, "of one closed loop")
	flag.DurationVar(&set.held, "held", 2*time.Minute, "that a REPEATABLE READ transaction is open beside a closed loop; the promise is of 10m")
	flag.IntVar(&set.backlog, "backlog", 1_000_000, "messages that wait")
	flag.BoolVar(&set.peers, "peers", true, "measure River and NATS too")
	flag.StringVar(&set.parts, "parts", "accept,loops,drains,held", "what to measure, with commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, set); err != nil {
		fmt.Fprintln(os.Stderr, err)
		report.Print(os.Stdout, report.NotMeasured(section, "what is missing above", err.Error()))
	}
}

func measure(ctx context.Context, set settings) (err error) {
	s, err := storetest.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	o, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer o.Close()
	parts := map[string]func(context.Context, *ours, settings) error{"accept": accept, "loops": loops, "drains": drains, "held": held}
	for name := range strings.SplitSeq(set.parts, ",") {
		part := parts[name]
		if part == nil {
			return fmt.Errorf("no part %q", name)
		}
		if err := part(ctx, o, set); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// loops are the closed loops of all, in turn.
func loops(ctx context.Context, o *ours, set settings) error {
	var peers []peer
	var absent []error
	if set.peers {
		peers, absent = build(ctx, o.store)
	}
	defer func() {
		for _, p := range peers {
			p.remove()
		}
	}()
	rates := map[string][]float64{}
	var accepts []float64
	for range set.rounds {
		mine, err := o.loop(ctx, set.length)
		if err != nil {
			return err
		}
		rates["ours"] = append(rates["ours"], mine.rate())
		accepts = append(accepts, mine.p50)
		for _, p := range peers {
			r, err := p.loop(ctx, set.length)
			if err != nil {
				return err
			}
			rates[p.name] = append(rates[p.name], r.rate())
		}
	}
	report.Print(os.Stdout, report.Row{Section: section, What: "messages/s, closed loop, 16 submitters", Got: middle(rates["ours"]), Unit: "/s", Least: true, Bar: 1500,
		Note: fmt.Sprintf("accept p50 %.1f ms", middle(accepts))})
	for _, p := range peers {
		var ratios []float64
		for i, r := range rates[p.name] {
			ratios = append(ratios, rates["ours"][i]/r)
		}
		report.Print(os.Stdout, report.Row{Section: section, What: "messages/s of " + p.title + ", closed loop, 16 submitters", Got: middle(ratios), Unit: "×", Least: true, Bar: 1.5,
			Note: fmt.Sprintf("%.0f/s against %.0f/s", middle(rates["ours"]), middle(rates[p.name]))})
	}
	for _, err := range absent {
		report.Print(os.Stdout, report.NotMeasured(section, "a peer", err.Error()))
	}
	return nil
}

func middle(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}
