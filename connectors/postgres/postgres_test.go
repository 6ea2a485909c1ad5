package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/connectors/hook"
	"fnstore/connectors/hook/hooktest"
	"fnstore/runtime/delivery/queuetest"
)

func database(t *testing.T, statements ...string) *pgxpool.Pool {
	t.Helper()
	db := queuetest.Connectors(t)
	exec(t, db, statements...)
	return db
}

func exec(t *testing.T, db *pgxpool.Pool, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func watching(name, tables string, more ...string) hook.Function {
	f := hook.Function{Name: name, Annotations: map[string]string{AnnotationWatch: tables}}
	if len(more) > 0 {
		f.Annotations[AnnotationCopy] = more[0]
	}
	return f
}

func apply(t *testing.T, db *pgxpool.Pool, functions ...hook.Function) []error {
	t.Helper()
	var all []Watch
	for _, f := range functions {
		list, err := Watches(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	failed, err := Apply(t.Context(), db, all)
	if err != nil {
		t.Fatal(err)
	}
	return failed
}

// record is what a function reads of one change.
type record struct {
	EventName, Table string
	Copy             bool
	Change           struct{ Keys, NewImage, OldImage map[string]any }
}

// changes are those that were written for the function, in the queue's order.
func changes(t *testing.T, db *pgxpool.Pool, function string) (list []record) {
	t.Helper()
	rows, err := db.Query(t.Context(), `select body from queue.message where fn = $1 order by id`, function)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bodies {
		var n struct{ Records []record }
		if err := json.Unmarshal(b, &n); err != nil || len(n.Records) != 1 {
			t.Fatalf("%s: %v", b, err)
		}
		list = append(list, n.Records[0])
	}
	return list
}

// Seed row 15: INSERT, MODIFY and REMOVE, with the images that each one has.
func TestApply_ChangesBecomeMessages(t *testing.T) {
	db := database(t, `create schema shop`, `create table shop."order" (id bigint, line int, note text, primary key (line, id))`)
	if failed := apply(t, db, watching("all", "shop.order"), watching("gone", "shop.order:REMOVE")); errors.Join(failed...) != nil {
		t.Fatal(failed)
	}
	exec(t, db, `insert into shop."order" values (9007199254740993, 1, 'a')`, `update shop."order" set note = 'b'`, `update shop."order" set note = 'b'`, `delete from shop."order"`)
	got := changes(t, db, "all")
	var names []string
	for _, r := range got {
		names = append(names, r.EventName)
		if r.Table != `shop."order"` || len(r.Change.Keys) != 2 {
			t.Errorf("%+v", r)
		}
	}
	if !slices.Equal(names, []string{"INSERT", "MODIFY", "REMOVE"}) {
		t.Fatalf("%v", names)
	}
	if got[0].Change.OldImage != nil || got[0].Change.NewImage["note"] != "a" || got[1].Change.OldImage["note"] != "a" ||
		got[1].Change.NewImage["note"] != "b" || got[2].Change.NewImage != nil || got[2].Change.OldImage["note"] != "b" {
		t.Errorf("%+v", got)
	}
	if got := changes(t, db, "gone"); len(got) != 1 || got[0].EventName != "REMOVE" {
		t.Errorf("%+v", got)
	}
	if _, err := db.Exec(t.Context(), `truncate shop."order"`); err == nil || !strings.Contains(err.Error(), "FN409") {
		t.Errorf("truncate: %v", err)
	}
	var body string
	if err := db.QueryRow(t.Context(), `select convert_from(body, 'UTF8') from queue.message order by id limit 1`).Scan(&body); err != nil || !strings.Contains(body, "9007199254740993") {
		t.Errorf("a large number lost digits: %s, %v", body, err)
	}
}

func TestApply_ComesAndGoesWithTheDeployment(t *testing.T) {
	db := database(t, `create table t (id int primary key)`)
	apply(t, db, watching("f", "public.t"), watching("g", "public.t"))
	exec(t, db, `insert into t values (1)`)
	apply(t, db, watching("g", "public.t"))
	exec(t, db, `insert into t values (2)`)
	apply(t, db)
	exec(t, db, `insert into t values (3)`, `truncate t`)
	if f, g := changes(t, db, "f"), changes(t, db, "g"); len(f) != 1 || len(g) != 2 {
		t.Errorf("%d and %d messages", len(f), len(g))
	}
	var left int
	if err := db.QueryRow(t.Context(), `select count(*) from pg_trigger where not tgisinternal`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d triggers are left, %v", left, err)
	}
	failed := apply(t, db, watching("f", "public.later, public.t"))
	if !errors.Is(failed[0], ErrNoTable) || failed[1] != nil {
		t.Errorf("%v", failed)
	}
}

// A role that may write the table, and nothing else, causes messages.
func TestApply_WritersNeedNoRightOnTheQueue(t *testing.T) {
	db := database(t, `create table t (id int primary key)`)
	apply(t, db, watching("f", "public.t"))
	role := fmt.Sprintf("writer_%d", rand.Uint32())
	exec(t, db, `create role `+role, `grant insert on t to `+role)
	t.Cleanup(func() { _, _ = db.Exec(context.Background(), `drop owned by `+role+`; drop role `+role) })
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `set local role `+role+`; insert into t values (1)`)
		return err
	})
	if err != nil || len(changes(t, db, "f")) != 1 {
		t.Errorf("%v", err)
	}
	err = pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `set local role `+role+`; select connector.row_message('f', 't', 'INSERT', '{}', '{}', null, false)`)
		return err
	})
	if err == nil {
		t.Error("a writer made a message of its own")
	}
}

// Writers whose transactions end in another order than they began, and some of
// which are rolled back: each committed change has its message, in order for each
// key. A reader of an outbox by "id > last" misses some of the same changes.
func TestApply_NothingIsMissedWhateverCommitsFirst(t *testing.T) {
	const writers, rounds, keys = 8, 40, 5
	db := database(t, `create table t (id int primary key, version int not null)`, `create table outbox (id bigint generated always as identity)`,
		`insert into t select n, 0 from generate_series(1, 5) n`)
	apply(t, db, watching("f", "public.t"))

	ctx, stop := context.WithCancel(t.Context())
	naive := make(chan int)
	go func() { // the reader that everybody writes first
		seen, last := 0, int64(0)
		for ended := false; ; {
			rows, err := db.Query(context.Background(), `select id from outbox where id > $1 order by id`, last)
			if err != nil {
				break
			}
			ids, _ := pgx.CollectRows(rows, pgx.RowTo[int64])
			if seen += len(ids); len(ids) > 0 {
				last = ids[len(ids)-1]
			}
			if ended {
				break
			}
			ended = ctx.Err() != nil // once more after the end
			time.Sleep(time.Millisecond)
		}
		naive <- seen
	}()

	var all sync.WaitGroup
	var mu sync.Mutex
	committed := 0
	for range writers {
		all.Go(func() {
			conn, err := db.Acquire(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Release()
			for range rounds {
				tx, err := conn.Begin(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				_, err = tx.Exec(t.Context(), `insert into outbox default values`)
				if err == nil {
					time.Sleep(rand.N(5 * time.Millisecond))
					_, err = tx.Exec(t.Context(), `update t set version = version + 1 where id = $1`, 1+rand.N(keys))
				}
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(rand.N(5 * time.Millisecond))
				if rand.N(4) == 0 {
					err = tx.Rollback(t.Context())
				} else if err = tx.Commit(t.Context()); err == nil {
					mu.Lock()
					committed++
					mu.Unlock()
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	stop()
	seen := <-naive
	got := changes(t, db, "f")
	if len(got) != committed {
		t.Errorf("%d messages of %d changes", len(got), committed)
	}
	version := map[any]float64{}
	for _, r := range got {
		id, v := r.Change.Keys["id"], r.Change.NewImage["version"].(float64)
		if v != version[id]+1 {
			t.Errorf("key %v: version %v after %v", id, v, version[id])
		}
		version[id] = v
	}
	if seen >= committed {
		t.Errorf("the naive reader missed nothing of %d, so the test shows nothing", committed)
	}
	t.Logf("%d changes; the naive reader missed %d", committed, committed-seen)
}

func TestSource_CopyIsResumable(t *testing.T) {
	const n = 3*copyBatch + 7
	db := database(t, `create table t (a text, b int, c text, primary key (b, a))`,
		fmt.Sprintf(`insert into t select 'k' || n, n / 10, 'x' from generate_series(1, %d) n`, n))
	open := func() *Source {
		src := &Source{DB: db, Functions: func(context.Context) ([]hook.Function, error) {
			return []hook.Function{watching("f", "public.t", "true")}, nil
		}}
		if err := src.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		return src
	}
	step := func(src *Source) {
		ev, ack, err := src.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = hook.Deliver(t.Context(), db, src.Name(), ev, nil)
		ack(err)
		if err != nil {
			t.Fatal(err)
		}
	}
	src := open()
	step(src)
	exec(t, db, `update t set c = 'y' where a = 'k1'`) // copied before: its message comes after
	step(src)
	src = open() // another process goes on
	step(src)
	step(src)
	if src.copies["f public.t"] != copied {
		t.Fatalf("the copy is at %q", src.copies["f public.t"])
	}
	keys := map[string]bool{}
	modified := 0
	for _, r := range changes(t, db, "f") {
		key := fmt.Sprint(r.Change.Keys)
		if r.EventName == "MODIFY" {
			if modified++; !keys[key] {
				t.Error("a change came before the copy of its row")
			}
			continue
		}
		if !r.Copy || keys[key] {
			t.Errorf("%+v", r)
		}
		keys[key] = true
	}
	if len(keys) != n || modified != 1 {
		t.Errorf("%d rows were copied, want %d; %d changes", len(keys), n, modified)
	}
}

// deployments is a list of functions that grows, and tells the sources.
type deployments struct {
	mu      sync.Mutex
	list    []hook.Function
	changed []chan struct{}
}

func (d *deployments) functions(context.Context) ([]hook.Function, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.list), nil
}

func (d *deployments) follow() chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	ch := make(chan struct{}, 1)
	d.changed = append(d.changed, ch)
	return ch
}

func (d *deployments) add(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range n {
		d.list = append(d.list, watching(fmt.Sprint("f", len(d.list)), "public.t", "true"))
	}
	for _, ch := range d.changed {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// Here an event is a function that asks for the copy of a table with one row.
func TestSource_Exercise(t *testing.T) {
	hooktest.Exercise(t, func(t *testing.T) hooktest.Rig {
		db := database(t, `create table t (id int primary key)`, `insert into t values (1)`)
		d := &deployments{}
		return hooktest.Rig{
			DB: db,
			Open: func(*testing.T) hook.Source {
				return &Source{DB: db, Functions: d.functions, Changed: d.follow()}
			},
			Trigger: func(_ *testing.T, n int) { d.add(n) },
		}
	})
}
