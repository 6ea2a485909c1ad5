package flow

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue/lease"
)

// Rows change while connectors and delivery run beside the store in two more
// processes, of which one is killed and the other stands still for longer than a
// lease: no change is missed, and none counts twice. CHAOS=full: 10,000 changes.
func TestEvents_ReplicasKilledAndStopped(t *testing.T) {
	fits(t)
	people := 500
	if os.Getenv("CHAOS") == "full" {
		people = 5000
	}
	owner, err := pgx.Connect(t.Context(), shared.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(t.Context())
	until(t, "the table is watched", func() bool {
		var watched bool
		err := owner.QueryRow(t.Context(), `select exists (select from connector.row_watch where relation = 'fn_users.users' and function = 'user-events')`).Scan(&watched)
		return err == nil && watched
	})
	replica := func() *os.Process { return beside(t, stateBeside(t), shared.Postgres) }
	killed, stopped := replica(), replica()

	var writers sync.WaitGroup
	const some = 4
	for w := range some {
		writers.Go(func() {
			conn, err := pgx.Connect(t.Context(), shared.Postgres)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close(t.Context())
			for i := w; i < people; i += some {
				email := fmt.Sprintf("replica-%d@example.org", i)
				for _, sql := range []string{
					`insert into fn_users.users (id, name, email, email_key) values (gen_random_uuid(), 'before', $1, $1)`,
					`update fn_users.users set name = 'after' where email_key = $1`,
				} {
					if _, err := conn.Exec(t.Context(), sql, email); err != nil {
						t.Error(err)
						return
					}
				}
				if i == people/4 {
					if err := stopped.Signal(syscall.SIGSTOP); err != nil {
						t.Error(err)
					}
				}
				if i == people/2 {
					if err := killed.Kill(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	time.Sleep(lease.Duration + 2*time.Second)
	if err := stopped.Signal(syscall.SIGCONT); err != nil {
		t.Error(err)
	}
	var whole, events int
	until(t, "all changes have arrived", func() bool {
		err := owner.QueryRow(t.Context(), `select count(*) filter (where events >= 2 and name = 'after'), coalesce(sum(events), 0)
from fn_user_events.person where email like 'replica-%'`).Scan(&whole, &events)
		if err != nil {
			t.Fatal(err)
		}
		return whole == people
	})
	until(t, "nothing is on its way", func() bool {
		var left int
		if err := owner.QueryRow(t.Context(), `select count(*) from queue.message where fn = 'user-events'`).Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left == 0
	})
	if err := owner.QueryRow(t.Context(), `select sum(events) from fn_user_events.person where email like 'replica-%'`).Scan(&events); err != nil {
		t.Fatal(err)
	}
	if events != 2*people {
		t.Errorf("%d changes had %d effects", 2*people, events)
	}
	t.Logf("%d changes, missed %d, doubled %d", 2*people, people-whole, events-2*people)
}
