package idempotency_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/fault"
	"fnstore/kit/idempotency"
	"fnstore/kit/pg"
	"fnstore/kit/wire"
	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

// open gives a database with the package's migrations and a table of effects.
func open(t *testing.T) *pg.DB {
	t.Helper()
	url := servicestest.Postgres(t)
	dir, err := fs.Sub(idempotency.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Apply(t.Context(), url, []migrate.Source{{Name: "kit_idempotency", FS: dir}}); err != nil {
		t.Fatal(err)
	}
	d := pg.Open(func() (string, error) { return url, nil })
	t.Cleanup(d.Close)
	for _, sql := range []string{"create schema if not exists fn_a", "select idempotency.install('fn_a')", "create table fn_a.effect (n int)"} {
		if _, err := d.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Exec(t.Context(), `do $$ begin execute format('alter database %I set search_path = fn_a', current_database()); end $$`); err != nil {
		t.Fatal(err)
	}
	d.Close() // the next connection has the path
	return d
}

// once has one effect under a key.
func once(t *testing.T, d *pg.DB, key idempotency.Key, n int) (a idempotency.Answer, replayed bool, err error) {
	err = d.Do(t.Context(), func(tx pg.Tx) error {
		a, replayed, err = key.Do(t.Context(), tx, func() (idempotency.Answer, error) {
			_, err := tx.Exec(t.Context(), "insert into effect values ($1)", n)
			return idempotency.Answer{Status: 201, Header: map[string]string{"Etag": `"1"`}, Body: []byte(`{"n":` + strconv.Itoa(n) + `}`)}, err
		})
		return err
	})
	return a, replayed, err
}

func effects(t *testing.T, d *pg.DB) (n int) {
	t.Helper()
	if err := d.QueryRow(t.Context(), "select count(*) from effect").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func key(t *testing.T, scope, k, body string) idempotency.Key {
	t.Helper()
	out, err := idempotency.New(scope, k, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDo_SecondRequestGetsTheFirstAnswer(t *testing.T) {
	d := open(t)
	first, replayed, err := once(t, d, key(t, "u POST", "k", "body"), 1)
	if err != nil || replayed {
		t.Fatal(replayed, err)
	}
	again, replayed, err := once(t, d, key(t, "u POST", "k", "body"), 2)
	if err != nil || !replayed || strings.ReplaceAll(string(again.Body), " ", "") != string(first.Body) || again.Status != 201 || again.Header["Etag"] != `"1"` {
		t.Errorf("%+v %v %v", again, replayed, err)
	}
	if _, _, err := once(t, d, key(t, "u POST", "k", "other"), 3); fault.Of(err).Kind != fault.Unprocessable {
		t.Errorf("another body: %v", err)
	}
	if _, replayed, err := once(t, d, key(t, "v POST", "k", "body"), 4); err != nil || replayed {
		t.Errorf("another sender: %v %v", replayed, err)
	}
	if n := effects(t, d); n != 2 {
		t.Errorf("%d effects, want 2", n)
	}
	w := httptest.NewRecorder()
	again.Write(w, true)
	if w.Code != 201 || w.Header().Get(idempotency.Replayed) != "true" || w.Header().Get("ETag") != `"1"` || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// An error stores nothing, and a key that has expired is free.
func TestDo_ErrorsAndAge(t *testing.T) {
	d := open(t)
	k := key(t, "u", "k", "b")
	boom := errors.New("boom")
	if err := d.Do(t.Context(), func(tx pg.Tx) error {
		_, _, err := k.Do(t.Context(), tx, func() (idempotency.Answer, error) { return idempotency.Answer{}, boom })
		return err
	}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if _, replayed, err := once(t, d, k, 1); replayed || err != nil {
		t.Errorf("after an error: %v %v", replayed, err)
	}
	if _, err := d.Exec(t.Context(), "update idempotency set expires_at = now()"); err != nil {
		t.Fatal(err)
	}
	if _, replayed, err := once(t, d, key(t, "u", "k", "another"), 2); replayed || err != nil {
		t.Errorf("after its time: %v %v", replayed, err)
	}
	if _, _, err := once(t, d, idempotency.Key{}, 3); err != nil {
		t.Errorf("without a key: %v", err)
	}
}

// While one is under way the others hear 409 at once; all the same it happens once.
func TestDo_ManyAtOnce(t *testing.T) {
	d := open(t)
	k := key(t, "u", "k", "b")
	var conflicts, replays, firsts atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for {
				_, replayed, err := once(t, d, k, i)
				switch f := fault.Of(err); {
				case err != nil && f.Code == "request_in_flight":
					w := httptest.NewRecorder()
					if wire.Fail(w, httptest.NewRequest("POST", "/", nil), err); w.Code != 409 || w.Header().Get("Retry-After") != "1" {
						t.Errorf("%d, Retry-After %q", w.Code, w.Header())
					}
					conflicts.Add(1)
					continue
				case err != nil:
					t.Error(err)
				case replayed:
					replays.Add(1)
				default:
					firsts.Add(1)
				}
				return
			}
		})
	}
	all.Wait()
	if firsts.Load() != 1 || replays.Load() != 49 || effects(t, d) != 1 {
		t.Errorf("%d first, %d replayed, %d effects", firsts.Load(), replays.Load(), effects(t, d))
	}
	var held sync.WaitGroup
	held.Add(1)
	slow := key(t, "u", "slow", "b")
	done := make(chan error)
	entered := make(chan struct{})
	go func() {
		done <- d.Do(context.Background(), func(tx pgx.Tx) error {
			_, _, err := slow.Do(context.Background(), tx, func() (idempotency.Answer, error) {
				close(entered)
				held.Wait()
				return idempotency.Answer{Status: 200}, nil
			})
			return err
		})
	}()
	<-entered
	if _, _, err := once(t, d, slow, 1); fault.Of(err).Code != "request_in_flight" {
		t.Errorf("while it is under way: %v", err)
	}
	held.Done()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestIdempotency_FromRequest(t *testing.T) {
	r := httptest.NewRequest("POST", "/v1/users", nil)
	if k, err := idempotency.FromRequest(r, "u", nil); err != nil || k != (idempotency.Key{}) {
		t.Errorf("without a header: %v %v", k, err)
	}
	for _, bad := range []string{"", strings.Repeat("k", 256), "a\x00", "é"} {
		r.Header[idempotency.Header] = []string{bad}
		if _, err := idempotency.FromRequest(r, "u", nil); fault.Of(err).Kind != fault.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	r.Header[idempotency.Header] = []string{"a", "b"}
	if _, err := idempotency.FromRequest(r, "u", nil); fault.Of(err).Kind != fault.Invalid {
		t.Errorf("two: %v", err)
	}
	r.Header[idempotency.Header] = []string{"a"}
	a, _ := idempotency.FromRequest(r, "u", []byte("x"))
	b, _ := idempotency.FromRequest(r, "u", []byte("y"))
	if a == b {
		t.Error("two bodies have one key")
	}
}
