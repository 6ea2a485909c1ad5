package messages

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// report is what became of the messages. It is made of what the senders were told,
// of the effects, and of the dead letters, and of no figure of the queue's own.
type report struct {
	attempted, accepted, done, dead int

	lost      []string // accepted, without an effect and not among the dead for a reason
	doubled   []string // more than one effect
	disorder  []string // of two of a group, the later one had its effect first
	wrongDead []string // dead letters that would have succeeded
}

func (r report) ok() bool {
	return len(r.lost)+len(r.doubled)+len(r.disorder)+len(r.wrongDead) == 0
}

func (r report) String() string {
	return fmt.Sprintf("attempted %d, accepted %d, with effect %d, dead %d: lost %d, doubled %d, out of order %d, dead without a reason %d",
		r.attempted, r.accepted, r.done, r.dead, len(r.lost), len(r.doubled), len(r.disorder), len(r.wrongDead))
}

// settle waits until nothing is in the queue.
func (r *rig) settle(ctx context.Context) error {
	for {
		var left int
		err := r.db.pool.QueryRow(ctx, "select count(*) from queue.message").Scan(&left)
		if err == nil && left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d messages still wait: %v: %w; %s", left, err, ctx.Err(), r.why())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// why tells how the messages of each function wait.
func (r *rig) why() (text string) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	err := r.db.pool.QueryRow(ctx, `select string_agg(l, '; ') from (
		select format('%s: %s, of them %s delivered before, %s leased, %s blocked, the next in %s, circuit: %s', m.fn, count(*), count(*) filter (where deliveries > 0),
			count(*) filter (where leased_by > 0), count(*) filter (where blocked), min(visible_at) - now(), min(c.code || ', probe in ' || (c.probe_at - now()))) as l
		from queue.message m left join queue.circuit c on c.fn = m.fn group by m.fn) x`).Scan(&text)
	if err != nil {
		return err.Error()
	}
	return text
}

// check compares what was promised with what happened.
func (r *rig) check(ctx context.Context, sent *ledger) (rep report, err error) {
	type effect struct {
		ID, Grp string
		Seq     int64
	}
	rows, err := r.fns.db.Query(ctx, "select id, grp, seq from effect order by n")
	if err != nil {
		return rep, err
	}
	effects, err := pgx.CollectRows(rows, pgx.RowToStructByPos[effect])
	if err != nil {
		return rep, err
	}
	if rows, err = r.db.pool.Query(ctx, "select call_id from queue.dead"); err != nil {
		return rep, err
	}
	dead, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return rep, err
	}
	count, last := map[string]int{}, map[string]int64{}
	for _, e := range effects {
		if count[e.ID]++; count[e.ID] == 2 {
			rep.doubled = append(rep.doubled, e.ID)
		}
		if e.Grp == "" || !sent.accepted[e.ID] || count[e.ID] > 1 {
			continue // of one that was not promised, nobody knows when it came
		}
		if e.Seq < last[e.Grp] {
			rep.disorder = append(rep.disorder, e.ID)
		}
		last[e.Grp] = max(last[e.Grp], e.Seq)
	}
	died := map[string]bool{}
	for _, id := range dead {
		died[id] = true
		if !sent.bad[id] {
			rep.wrongDead = append(rep.wrongDead, id)
		}
	}
	for id := range sent.accepted {
		if count[id] == 0 && !died[id] {
			rep.lost = append(rep.lost, id)
		}
	}
	rep.attempted, rep.accepted, rep.done, rep.dead = sent.attempted, len(sent.accepted), len(count), len(died)
	return rep, nil
}
