package cron

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/connectors/hook"
	"fnstore/connectors/hook/hooktest"
	"fnstore/runtime/delivery/queuetest"
)

// clock is what the tests' time is, and wakes the sources that follow it.
type clock struct {
	mu      sync.Mutex
	t       time.Time
	changed []chan struct{}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	for _, ch := range c.changed {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (c *clock) follow() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan struct{}, 1)
	c.changed = append(c.changed, ch)
	return ch
}

func deployed(f ...hook.Function) hook.Functions {
	return func(context.Context) ([]hook.Function, error) { return f, nil }
}

func function(name string, annotations ...string) hook.Function {
	f := hook.Function{Name: name, Annotations: map[string]string{"topic": "other, " + Topic}}
	for i := 0; i < len(annotations); i += 2 {
		f.Annotations[annotations[i]] = annotations[i+1]
	}
	return f
}

var start = time.Date(2026, 5, 1, 12, 0, 30, 0, time.UTC)

func TestSource_Exercise(t *testing.T) {
	hooktest.Exercise(t, func(t *testing.T) hooktest.Rig {
		c := &clock{t: start}
		db := queuetest.Connectors(t)
		fns := deployed(function("f", AnnotationSchedule, "* * * * *", AnnotationMissed, "all"))
		return hooktest.Rig{
			DB: db,
			Open: func(*testing.T) hook.Source {
				src := &Source{DB: db, Functions: fns, Changed: c.follow(), Now: c.now}
				if err := src.Connect(t.Context()); err != nil { // the schedule begins here
					t.Fatal(err)
				}
				return src
			},
			Trigger: func(_ *testing.T, n int) { c.advance(time.Duration(n) * time.Minute) },
		}
	})
}

// Three replicas look at the same schedule; each tick is one message.
func TestSource_ThreeReplicasOneMessageATick(t *testing.T) {
	c := &clock{t: start}
	db := queuetest.Connectors(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range 3 {
		src := &Source{DB: db, Functions: deployed(function("f", AnnotationSchedule, "* * * * *")), Changed: c.follow(), Now: c.now}
		if err := src.Connect(t.Context()); err != nil { // the schedule begins here
			t.Fatal(err)
		}
		all.Go(func() { hook.Run(ctx, db, src, nil) })
	}
	const n = 20
	for i := range n {
		c.advance(time.Minute)
		for late := time.Now().Add(time.Minute); len(ticks(t, db, "f")) <= i; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("tick %d is not there: %v", i, ticks(t, db, "f"))
			}
		}
	}
	cancel()
	all.Wait()
	got := ticks(t, db, "f")
	if unique := slices.Compact(slices.Sorted(slices.Values(got))); len(got) != n || len(unique) != n {
		t.Errorf("%d messages for %d ticks: %v", len(got), n, got)
	}
}

// ticks are the times that the messages for the function stand for.
func ticks(t *testing.T, db *pgxpool.Pool, fn string) (list []string) {
	t.Helper()
	rows, err := db.Query(t.Context(), `select headers->'`+HeaderTick+`'->>0 || path from queue.message where fn = $1 order by id`, fn)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, strings.TrimPrefix(s, "2026-05-01T"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// drain deals with all that is due now.
func drain(t *testing.T, db *pgxpool.Pool, src *Source) {
	t.Helper()
	for {
		ev, ack, _, err := src.poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ack == nil {
			return
		}
		ack(hook.Deliver(t.Context(), db, src.Name(), ev, nil))
	}
}

func TestSource_MissedTicks(t *testing.T) {
	for policy, want := range map[string][]string{
		"once": {"13:00:00Z/"}, "skip": nil, "all": {"12:30:00Z/", "13:00:00Z/"},
	} {
		t.Run(policy, func(t *testing.T) {
			c, db := &clock{t: start}, queuetest.Connectors(t)
			fns := deployed(function("f", AnnotationSchedule, "0,30 * * * *", AnnotationMissed, policy))
			src := &Source{DB: db, Functions: fns, Now: c.now}
			if err := src.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.advance(70 * time.Minute) // nobody reads meanwhile
			src = &Source{DB: db, Functions: fns, Now: c.now}
			if err := src.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			drain(t, db, src)
			if got := ticks(t, db, "f"); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
			c.advance(20 * time.Minute)
			drain(t, db, src)
			if got := ticks(t, db, "f"); !slices.Equal(got, append(want, "13:30:00Z/")) {
				t.Errorf("then %v", got)
			}
		})
	}
}

func TestSource_Overlap(t *testing.T) {
	c, db := &clock{t: start}, queuetest.Connectors(t)
	src := &Source{DB: db, Now: c.now, Functions: deployed(
		function("skip", AnnotationSchedule, "* * * * *", AnnotationOverlap, "skip"),
		function("wait", AnnotationSchedule, "* * * * *", AnnotationOverlap, "wait"),
		function("allow", AnnotationSchedule, "* * * * *; 0 13 * * *", AnnotationPath, "/a;/b?op=c"))}
	if err := src.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c.advance(time.Minute)
		drain(t, db, src)
	}
	if got := ticks(t, db, "skip"); !slices.Equal(got, []string{"12:01:00Z/"}) {
		t.Errorf("skip: %v", got)
	}
	if got := ticks(t, db, "allow"); !slices.Equal(got, []string{"12:01:00Z/a", "12:02:00Z/a", "12:03:00Z/a"}) {
		t.Errorf("allow: %v", got)
	}
	var blocked int
	if err := db.QueryRow(t.Context(), `select count(*) filter (where blocked) from queue.message where fn = 'wait'`).Scan(&blocked); err != nil || blocked != 2 {
		t.Errorf("wait: %d wait for another, %v", blocked, err)
	}
}

func TestSource_PauseAndResume(t *testing.T) {
	c, db := &clock{t: start}, queuetest.Connectors(t)
	src := &Source{DB: db, Now: c.now, Functions: deployed(function("f", AnnotationSchedule, "* * * * *", AnnotationMissed, "all"))}
	if err := src.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	part := "f * * * * *"
	if err := hook.Pause(t.Context(), db, SourceName, part); err != nil {
		t.Fatal(err)
	}
	c.advance(3 * time.Minute)
	drain(t, db, src)
	if got := ticks(t, db, "f"); got != nil {
		t.Errorf("a paused schedule ran: %v", got)
	}
	if err := hook.Resume(t.Context(), db, SourceName, part, stamp(c.now())); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
	drain(t, db, src)
	if got := ticks(t, db, "f"); !slices.Equal(got, []string{"12:04:00Z/"}) {
		t.Errorf("a resumed schedule ran at %v", got)
	}
	if err := hook.Pause(t.Context(), db, SourceName, "g * * * * *"); !errors.Is(err, hook.ErrNoPart) {
		t.Errorf("pausing what is not there: %v", err)
	}
}

// A schedule that is gone leaves nothing, and begins anew when it comes back.
func TestSource_FollowsDeployments(t *testing.T) {
	c, db := &clock{t: start}, queuetest.Connectors(t)
	now := []hook.Function{function("f", AnnotationSchedule, "* * * * *")}
	src := &Source{DB: db, Now: c.now, Functions: func(context.Context) ([]hook.Function, error) { return now, nil }}
	if err := src.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	there := now
	now = nil
	c.advance(time.Minute)
	drain(t, db, src)
	c.advance(time.Hour)
	now = there
	drain(t, db, src)
	if got := ticks(t, db, "f"); got != nil {
		t.Errorf("ran while it was not deployed: %v", got)
	}
	c.advance(time.Minute)
	drain(t, db, src)
	if got := ticks(t, db, "f"); !slices.Equal(got, []string{"13:02:00Z/"}) {
		t.Errorf("ran at %v", got)
	}
}

func TestEntries_Refuses(t *testing.T) {
	for name, f := range map[string]hook.Function{
		"no schedule":  function("f"),
		"bad zone":     function("f", AnnotationSchedule, "* * * * *", AnnotationZone, "Mars/Base"),
		"bad policy":   function("f", AnnotationSchedule, "* * * * *", AnnotationMissed, "maybe"),
		"bad overlap":  function("f", AnnotationSchedule, "* * * * *", AnnotationOverlap, "maybe"),
		"twice":        function("f", AnnotationSchedule, "* * * * *;* * * * *"),
		"paths":        function("f", AnnotationSchedule, "* * * * *", AnnotationPath, "/a;/b"),
		"no path":      function("f", AnnotationSchedule, "* * * * *", AnnotationPath, "a"),
		"no such time": function("f", AnnotationSchedule, "99 * * * *"),
	} {
		if _, err := Entries(f); err == nil || !strings.HasPrefix(err.Error(), "f: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := Entries(hook.Function{Name: "f", Annotations: map[string]string{"topic": "cron-functions", AnnotationSchedule: "x"}}); list != nil || err != nil {
		t.Errorf("a function of another topic: %v, %v", list, err)
	}
	// One bad schedule does not stop the others.
	if list, err := Entries(function("f", AnnotationSchedule, "bad; @daily")); len(list) != 1 || err == nil {
		t.Errorf("%v, %v", list, err)
	}
}
