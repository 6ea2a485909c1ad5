package topic

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/connectors/hook"
	"fnstore/connectors/hook/hooktest"
	"fnstore/kit/queue"
	"fnstore/runtime/delivery/queuetest"
)

func function(name string, annotations ...string) hook.Function {
	f := hook.Function{Name: name, Annotations: map[string]string{}}
	for i := 0; i < len(annotations); i += 2 {
		f.Annotations[annotations[i]] = annotations[i+1]
	}
	return f
}

func deployed(f ...hook.Function) hook.Functions {
	return func(context.Context) ([]hook.Function, error) { return f, nil }
}

// distribute deals with all that was published.
func distribute(t *testing.T, src *Source) {
	t.Helper()
	if err := src.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for {
		topics, err := src.waiting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(topics) == 0 {
			return
		}
		ev, _, err := src.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := hook.Deliver(t.Context(), src.DB, src.Name(), ev, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// received are the bodies that wait for the function, in order.
func received(t *testing.T, db *pgxpool.Pool, fn string) (bodies []string) {
	t.Helper()
	rows, err := db.Query(t.Context(), `select convert_from(body, 'UTF8') from queue.message where fn = $1 order by id`, fn)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, s)
	}
	return bodies
}

func TestSource_FansOutByFilter(t *testing.T) {
	db := queuetest.Connectors(t)
	src := &Source{DB: db, Functions: deployed(
		function("all", "topic", "other, orders"),
		function("large", "topic", "orders", AnnotationFilter, `{"total":[{"numeric":[">",100]}]}`),
		function("paid", "topic", "orders,users", AnnotationFilter+".orders", `{"type":["paid"]}`),
		function("body", "topic", "orders", AnnotationFilter, `{"customer":{"vip":[true]}}`, AnnotationScope, "MessageBody"),
		function("bad", "topic", "orders", AnnotationFilter, `{"x":1}`),
		function("none", "topic", "order"),
	)}
	for _, p := range []Publication{
		{Topic: "orders", Body: []byte(`{"customer":{"vip":true}}`), Attributes: map[string]any{"type": "paid", "total": 50}},
		{Topic: "orders", Body: []byte(`two`), Attributes: map[string]any{"type": "sent", "total": 100.5}},
		{Topic: "users", Body: []byte(`three`)},
		{Topic: "nobody", Body: []byte(`four`)},
	} {
		if _, err := Publish(t.Context(), db, p); err != nil {
			t.Fatal(err)
		}
	}
	distribute(t, src)
	for fn, want := range map[string][]string{
		"all": {`{"customer":{"vip":true}}`, "two"}, "large": {"two"}, "paid": {`{"customer":{"vip":true}}`, "three"}, "body": {`{"customer":{"vip":true}}`}, "bad": nil, "none": nil,
	} {
		if got := received(t, db, fn); !slices.Equal(got, want) {
			t.Errorf("%s got %v, want %v", fn, got, want)
		}
	}
	var left, done int
	if err := db.QueryRow(t.Context(), `select (select count(*) from queue.message where fn like 'topic:%'), (select count(*) from queue.done)`).Scan(&left, &done); err != nil || left != 0 || done != 4 {
		t.Errorf("%d publications are left, %d are done, %v", left, done, err)
	}
	var topic, connector, attributes string
	if err := db.QueryRow(t.Context(), `select headers->'X-Topic'->>0, headers->'X-Connector'->>0, headers->'X-Fnstore-Attributes'->>0 from queue.message where fn = 'large'`).Scan(&topic, &connector, &attributes); err != nil || topic != "orders" || connector != "fnstore-topic" || !strings.Contains(attributes, "100.5") {
		t.Errorf("%s %s %s, %v", topic, connector, attributes, err)
	}
}

// All subscribers get a publication or none does.
func TestSource_AllOrNone(t *testing.T) {
	db := queuetest.Connectors(t)
	src := &Source{DB: db, Functions: deployed(function("a", "topic", "t"), function("b", "topic", "t"))}
	if _, err := Publish(t.Context(), db, Publication{Topic: "t", Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	// The second message cannot be written.
	if _, err := db.Exec(t.Context(), `alter table queue.message add constraint no_b check (fn <> 'b')`); err != nil {
		t.Fatal(err)
	}
	if err := src.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	ev, _, err := src.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := hook.Deliver(t.Context(), db, src.Name(), ev, nil); err == nil {
		t.Error("a fan-out that failed was committed")
	}
	if a := received(t, db, "a"); a != nil {
		t.Errorf("one subscriber got %v and the other nothing", a)
	}
	if _, err := db.Exec(t.Context(), `alter table queue.message drop constraint no_b`); err != nil {
		t.Fatal(err)
	}
	distribute(t, src)
	if a, b := received(t, db, "a"), received(t, db, "b"); len(a) != 1 || len(b) != 1 {
		t.Errorf("then %v and %v", a, b)
	}
}

func TestSource_OrderOfAGroup(t *testing.T) {
	db := queuetest.Connectors(t)
	src := &Source{DB: db, Functions: deployed(function("a", "topic", "t"))}
	var want []string
	for i := range 60 {
		if _, err := Publish(t.Context(), db, Publication{Topic: "t", Group: "g", Body: []byte(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprint(i))
	}
	distribute(t, src)
	if got := received(t, db, "a"); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestPublish_Refuses(t *testing.T) {
	db := queuetest.Connectors(t)
	for _, p := range []Publication{
		{Topic: ""}, {Topic: "a b"}, {Topic: "topic:x"}, {Topic: "/x"}, {Topic: strings.Repeat("x", 201)},
		{Topic: "t", Attributes: map[string]any{"a": map[string]any{}}},
		{Topic: "t", Attributes: map[string]any{"a": strings.Repeat("x", maxAttributes)}},
		{Topic: "t", Attributes: map[string]any{"a": []any{[]any{}}}},
	} {
		if _, err := Publish(t.Context(), db, p); err == nil {
			t.Errorf("%.60v was accepted", p)
		}
	}
	// A header of the publisher does not stand for attributes.
	if _, err := Publish(t.Context(), db, Publication{Topic: "t", Header: http.Header{HeaderAttributes: {"x"}}}); err != nil {
		t.Error(err)
	}
}

func TestSource_Exercise(t *testing.T) {
	hooktest.Exercise(t, func(t *testing.T) hooktest.Rig {
		db := queuetest.Connectors(t)
		return hooktest.Rig{
			DB: db,
			Open: func(*testing.T) hook.Source {
				return &Source{DB: db, Functions: deployed(function("f", "topic", "t")), Look: time.Second}
			},
			Trigger: func(t *testing.T, n int) {
				for range n {
					if _, err := Publish(t.Context(), db, Publication{Topic: "t"}); err != nil {
						t.Fatal(err)
					}
				}
				if err := queue.Notify(t.Context(), db); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func FuzzAttributes(f *testing.F) {
	f.Add(`{"a":"x","b":[1,true,null],"c":-1e5}`)
	f.Fuzz(func(t *testing.T, s string) { _, _ = attributes(s) })
}
