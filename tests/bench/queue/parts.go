package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue/circuit"
	"fnstore/tests/bench/report"
)

// accept is one caller of /async-function/, and how long after a message was
// accepted its answer is written down: claim, call and finish.
func accept(ctx context.Context, o *ours, _ settings) error {
	const n = 300
	var took []float64
	var begun time.Time
	if err := o.db.QueryRow(ctx, `select clock_timestamp()`).Scan(&begun); err != nil {
		return err
	}
	for range n {
		t := time.Now()
		res, err := o.client.Post(o.store.URL+"/async-function/"+fn, "text/plain", bytes.NewReader(body))
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusAccepted {
			return fmt.Errorf("answered %d", res.StatusCode)
		}
		took = append(took, float64(time.Since(t).Microseconds())/1000)
		time.Sleep(20 * time.Millisecond)
	}
	if err := o.empty(ctx, time.Time{}); err != nil {
		return err
	}
	var done float64
	if err := o.db.QueryRow(ctx, `
select percentile_cont(0.5) within group (order by extract(epoch from finished_at - created_at) * 1000) from queue.done where fn = $1 and created_at >= $2`, fn, begun).Scan(&done); err != nil {
		return err
	}
	report.Print(os.Stdout,
		report.Row{Section: section, What: "POST /async-function/ to 202, one caller, p50", Got: middle(took), Unit: "ms", Bar: 3, Note: fmt.Sprintf("p99 %.1f ms", quantile(took, 0.99))},
		report.Row{Section: section, What: "accepted to done, one caller, p50", Got: done, Unit: "ms", Bar: 8, Note: "claim, call and answer written down"})
	return nil
}

func quantile(list []float64, q float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[int(q*float64(len(list)-1))]
}

// fill puts messages in while the function is paused.
func (o *ours) fill(ctx context.Context, n int) error {
	if err := circuit.Pause(ctx, o.db, fn, "a benchmark fills the queue"); err != nil {
		return err
	}
	for at := 0; at < n; at += 50_000 {
		if _, err := o.db.Exec(ctx, `
insert into queue.message (fn, method, path, headers, body, body_size, call_id, trusted, visible_at)
select $1, 'POST', '/', '{}', $2, $3, gen_random_uuid()::text, false, clock_timestamp()
from (select pg_current_xact_id()) number, generate_series(1, $4)`, fn, body, len(body), min(50_000, n-at)); err != nil {
			return err
		}
	}
	return nil
}

// rate lets the function go and gives how many a second are done of the first n.
func (o *ours) rate(ctx context.Context, n int) (float64, error) {
	count := func() (c int, err error) {
		return c, o.db.QueryRow(ctx, `select count(*) from queue.done where fn = $1`, fn).Scan(&c)
	}
	before, err := count()
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if _, err := circuit.Resume(ctx, o.db, fn); err != nil {
		return 0, err
	}
	for now := before; now < before+n; time.Sleep(100 * time.Millisecond) {
		if now, err = count(); err != nil {
			return 0, err
		}
		if time.Since(begun) > 5*time.Minute {
			return 0, fmt.Errorf("%d of %d are done after 5 minutes", now-before, n)
		}
	}
	return float64(n) / time.Since(begun).Seconds(), nil
}

// drains are of 20,000 messages, and of as many in front of a backlog.
func drains(ctx context.Context, o *ours, set settings) error {
	const n = 20_000
	var few []float64
	for range set.rounds {
		if err := o.fill(ctx, n); err != nil {
			return err
		}
		r, err := o.rate(ctx, n)
		if err != nil {
			return err
		}
		few = append(few, r)
		if err := o.empty(ctx, time.Time{}); err != nil {
			return err
		}
	}
	report.Print(os.Stdout, report.Row{Section: section, What: "drain of 20,000 messages, nothing beside it", Got: middle(few), Unit: "/s", Least: true, Bar: 3000})
	if err := o.fill(ctx, set.backlog); err != nil {
		return err
	}
	many, err := o.rate(ctx, n)
	if err != nil {
		return err
	}
	report.Print(os.Stdout, report.Row{Section: section, What: fmt.Sprintf("rate with a backlog of %d of an empty queue's", set.backlog), Got: many / middle(few), Unit: "×", Least: true, Bar: 0.5,
		Note: fmt.Sprintf("%.0f/s against %.0f/s", many, middle(few))})
	// What is left is not what is measured next.
	if err := circuit.Pause(ctx, o.db, fn, "a benchmark empties the queue"); err != nil {
		return err
	}
	time.Sleep(time.Second) // for the deliveries under way
	if _, err := o.db.Exec(ctx, `truncate queue.message`); err != nil {
		return err
	}
	_, err = circuit.Resume(ctx, o.db, fn)
	return err
}

// held is a closed loop beside a transaction that is open all the while, as a
// backup's is: vacuum may remove nothing.
func held(ctx context.Context, o *ours, set settings) error {
	before, err := o.loop(ctx, set.length)
	if err != nil {
		return err
	}
	tx, err := o.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it only reads
	if _, err := tx.Exec(ctx, `select count(*) from queue.message`); err != nil {
		return err
	}
	var last result
	total := 0
	for begun := time.Now(); time.Since(begun) < set.held; {
		if last, err = o.loop(ctx, set.length); err != nil {
			return err
		}
		total += last.n
		fmt.Printf("%s: beside a transaction that is open for %.0f s: %.0f/s, %d messages\n", section, time.Since(begun).Seconds(), last.rate(), total)
	}
	report.Print(os.Stdout, report.Row{Section: section, What: fmt.Sprintf("rate beside a transaction that is open for %s of the rate before", set.held), Got: last.rate() / before.rate(), Unit: "×", Least: true, Bar: 0.7,
		Note: fmt.Sprintf("%.0f/s at the end against %.0f/s, %d messages done meanwhile", last.rate(), before.rate(), total)})
	return nil
}
