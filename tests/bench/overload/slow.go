package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"fnstore/tests/bench/report"
	"fnstore/tests/chaos/actors"
	"fnstore/tests/chaos/load"
	"fnstore/tests/chaos/slowclient"
)

// slow measures a probe without slow clients and beside so many of them.
func slow(out io.Writer, stage *actors.Stage, clients, seconds int) ([]report.Row, error) {
	const name = "trickled"
	if err := stage.Deploy(actors.Function(name, stage.Probe)); err != nil {
		return nil, err
	}
	if err := stage.Await(name, 1); err != nil {
		return nil, err
	}
	ctx := context.Background()
	plan := load.Plan{Address: stage.Address(), Request: load.Post("/function/"+name, "{}"), Rate: 100, Conns: 8}
	length := time.Duration(seconds) * time.Second
	without := load.Run(ctx, plan, length/2)
	group := &slowclient.Group{Address: stage.Address(), Path: "/function/" + name}
	group.Hold(ctx, clients)
	held := group.Held()
	beside := load.Run(ctx, plan, length)
	last := group.Held()
	group.End()
	tally := load.Count(beside)
	alone, p99 := load.Quantile(load.Times(without), 0.99), load.Quantile(load.Times(beside), 0.99)
	fmt.Fprintf(out, "overload, %d slow clients for %s: %s; %d held at first, %d at the end\n  probe: %s\n", clients, length, group, held, last, tally)
	note := fmt.Sprintf("%.1f ms without, and the middle %.1f ms; %d to %d held", ms(alone), ms(load.Quantile(load.Times(beside), 0.5)), min(held, last), max(held, last))
	return []report.Row{
		{Section: "overload", What: fmt.Sprint(clients, " slow clients: p99 of a probe of the same function"), Got: ms(p99), Unit: "ms", Bar: 50, Note: note},
		{Section: "overload", What: fmt.Sprint(clients, " slow clients: the probe's errors"), Got: float64(tally.Calls - tally.OK), Note: fmt.Sprint("of ", tally.Calls, " calls")},
	}, stage.Remove(name)
}
