package api

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"fnstore/connectors/hook"
	"fnstore/connectors/postgres"
	userevents "fnstore/functions/user-events"
	"fnstore/runtime/migrate"
	"fnstore/runtime/provision"
)

func (r *rig) userEvents(t *testing.T) string {
	t.Helper()
	mountEventKey(t)
	r.provide(provision.Function{Name: "user-events", Secrets: []string{"user-events-pg"}})
	h, err := userevents.Open(r.getenv, r.read)
	return serve(t, h, err)
}

// Messages by type do what they say, once, whatever comes twice or at once; a
// type that nobody knows is kept and listed, and one that says nothing of a user
// is refused for good.
// Seed: R16, B14, B16
func TestUserEvents_MessagesByType(t *testing.T) {
	r := newRig(t)
	url := r.userEvents(t)
	call(t, "POST", url+"/", `{"type":"user_created","data":{"user_id":"u1"}}`).want(t, "unsigned", 401, "unsigned_call")

	created := `{"type":"user_created","id":"m1","time":"2026-01-01T00:00:00Z","data":{"user_id":"u1","email":"a@example.org","name":"Anna"}}`
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if a, err := trySigned("POST", url+"/", created); err != nil || a.status != 200 {
				t.Errorf("%d %s %v", a.status, a.body, err)
			}
		})
	}
	all.Wait()
	callSigned(t, "POST", url+"/", `{"type":"user_updated","id":"m2","time":"2026-01-03T00:00:00Z","data":{"userId":"u1","email":"b@example.org"}}`).want(t, "updated", 200, "")
	callSigned(t, "POST", url+"/", `{"type":"user_updated","id":"m3","time":"2026-01-02T00:00:00Z","data":{"userId":"u1","email":"late@example.org"}}`).want(t, "an older one that comes late", 200, "")
	p := callSigned(t, "GET", url+"/people/u1", "").want(t, "read", 200, "")
	if p.get("email") != "b@example.org" || p.get("name") != "Anna" || p.get("events") != "3" || p.get("removed") != "false" {
		t.Errorf("after three events and nine duplicates: %s", p.body)
	}

	callSigned(t, "POST", url+"/", `{"type":"user_created","id":"f1","time":"2999-01-01T00:00:00Z","data":{"user_id":"u2","name":"ahead"}}`).want(t, "a clock that is ahead", 200, "")
	callSigned(t, "POST", url+"/", `{"type":"user_updated","id":"f2","data":{"user_id":"u2","name":"later"}}`).want(t, "and the next", 200, "")
	if p := callSigned(t, "GET", url+"/people/u2", ""); p.get("name") != "later" {
		t.Errorf("%s", p.body)
	}

	unknown := callSigned(t, "POST", url+"/", `{"type":"user_promoted","data":{"user_id":"u1"}}`, "X-Call-Id", "c-1").want(t, "unknown", 200, "")
	if unknown.get("unknown") != "1" {
		t.Errorf("%s", unknown.body)
	}
	again := callSigned(t, "POST", url+"/", `{"type":"user_promoted","data":{"user_id":"u1"}}`, "X-Call-Id", "c-1").want(t, "the same call again", 200, "")
	if again.get("duplicate") != "1" || again.get("accepted") != "0" {
		t.Errorf("%s", again.body)
	}
	list := callSigned(t, "GET", url+"/events?known=false", "").want(t, "list", 200, "")
	if !strings.Contains(string(list.body), `"id":"c-1"`) || strings.Contains(string(list.body), `"m1"`) {
		t.Errorf("unknown types: %s", list.body)
	}
	page := callSigned(t, "GET", url+"/events?limit=3", "").want(t, "a page", 200, "")
	rest := callSigned(t, "GET", url+"/events?before="+page.get("next"), "").want(t, "the next page", 200, "")
	if strings.Count(string(page.body), `"seq"`) != 3 || strings.Count(string(rest.body), `"seq"`) != 3 {
		t.Errorf("pages: %s\n%s", page.body, rest.body)
	}

	for body, code := range map[string]string{
		`{"type":"user_created","data":{"email":"x"}}`: "bad_user", `{"type":"user_created","data":5}`: "bad_user", `{"data":{}}`: "bad_user_event",
		`{`: "bad_user_event", `[]`: "bad_user_event", ``: "bad_user_event", `{"Records":[]}`: "bad_user_event", `{"Records":[{"eventID":"1","eventName":"INSERT","table":"t","change":{}}]}`: "bad_user_event",
		`{"type":"user_created","type":"x","data":{}}`: "bad_user_event", `{"type":"user_created","data":{"user_id":"\u0000"}}`: "bad_value",
	} {
		if a := callSigned(t, "POST", url+"/", body); a.status/100 != 4 || a.get("code") != code {
			t.Errorf("%s: %d %s, want %s", body, a.status, a.body, code)
		}
	}
	for _, q := range []string{"limit=0", "limit=x", "known=maybe", "before=-1", "who=me", "type=a&type=b"} {
		callSigned(t, "GET", url+"/events?"+q, "").want(t, q, 400, "bad_query")
	}
	callSigned(t, "GET", url+"/people/nobody", "").want(t, "nobody", 404, "user_not_found")
	if n := r.column(`select count(*)::text from fn_user_events.event`)[0]; n != "6" {
		t.Errorf("%s events are kept, want 6", n)
	}
}

// The three modes of CloudEvents end as the same kind of row, known by source and
// id; a batch with one event that is not valid is refused whole.
// Seed: R24
func TestUserEvents_CloudEvents(t *testing.T) {
	r := newRig(t)
	url := r.userEvents(t)
	attributes := func(id string) []string {
		return []string{"ce-specversion", "1.0", "ce-id", id, "ce-source", "/crm", "ce-type", "user_created", "ce-time", "2026-01-01T00:00:00Z", "Content-Type", "application/json"}
	}
	one := func(id, user string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/crm","type":"user_created","data":{"userId":%q,"email":"%s@example.org"}}`, id, user, user)
	}
	callSigned(t, "POST", url+"/", `{"userId":"u1","email":"u1@example.org"}`, attributes("1")...).want(t, "binary", 200, "")
	if a := callSigned(t, "POST", url+"/", one("1", "u1"), "Content-Type", "application/cloudevents+json"); a.get("duplicate") != "1" {
		t.Errorf("the same event in another mode: %d %s", a.status, a.body)
	}
	callSigned(t, "POST", url+"/", one("2", "u2"), "Content-Type", "application/cloudevents+json; charset=utf-8").want(t, "structured", 200, "")
	batch := "[" + one("2", "u2") + "," + one("3", "u3") + `,{"specversion":"1.0","id":"4","source":"/crm","type":"invoice.paid","datacontenttype":"text/plain","data":"EUR 5"}]`
	a := callSigned(t, "POST", url+"/", batch, "Content-Type", "application/cloudevents-batch+json").want(t, "batch", 200, "")
	if a.get("accepted") != "2" || a.get("duplicate") != "1" || a.get("unknown") != "1" {
		t.Errorf("batch: %s", a.body)
	}
	bad := "[" + one("5", "u5") + `,{"specversion":"1.0","id":"6","source":"/crm"}]`
	callSigned(t, "POST", url+"/", bad, "Content-Type", "application/cloudevents-batch+json").want(t, "a bad batch", 400, "bad_cloudevent")
	callSigned(t, "POST", url+"/", "", "Content-Type", "application/cloudevents+avro").want(t, "another format", 415, "unsupported_event_format")
	got := strings.Join(r.column(`select id || ' ' || known || ' ' || convert_from(data, 'UTF8') from fn_user_events.event order by seq`), "\n")
	if want := "1 true {\"userId\":\"u1\",\"email\":\"u1@example.org\"}\n2 true {\"userId\":\"u2\",\"email\":\"u2@example.org\"}\n3 true {\"userId\":\"u3\",\"email\":\"u3@example.org\"}\n4 false EUR 5"; got != want {
		t.Errorf("kept\n%s\nwant\n%s", got, want)
	}
}

// Changes of the rows of users reach the function by the connector's own
// messages, with both images, in order.
// Seed: R15, B22
func TestUserEvents_RowChanges(t *testing.T) {
	r := newRig(t).generous()
	url := r.userEvents(t)
	if _, err := migrate.Apply(t.Context(), r.owner, []migrate.Source{hookSource(t)}); err != nil {
		t.Fatal(err)
	}
	watches, err := postgres.Watches(hook.Function{Name: "user-events", Annotations: map[string]string{postgres.AnnotationWatch: "fn_users.users"}})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), r.owner)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if failed, err := postgres.Apply(t.Context(), conn, watches); err != nil || failed[0] != nil {
		t.Fatal(failed, err)
	}
	authURL, usersURL := r.auth(), r.users()
	admin := login(t, authURL, "admin@localhost", adminSecret).want(t, "log in", 200, "")
	id := call(t, "POST", usersURL+"/v1/users", `{"name":"Anna","email":"anna@example.org"}`, bearer(admin)...).want(t, "create", 201, "").get("id")
	call(t, "PATCH", usersURL+"/v1/users/"+id, `{"name":"Anna B."}`, bearer(admin)...).want(t, "change", 200, "")
	call(t, "DELETE", usersURL+"/v1/users/"+id, "", bearer(admin)...).want(t, "remove", 204, "")

	var log bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	bodies := r.column(`select convert_from(body, 'UTF8') from queue.message where fn = 'user-events' order by id`)
	if len(bodies) != 3 {
		t.Fatalf("%d messages of three changes: %q", len(bodies), bodies)
	}
	for _, body := range append(bodies, bodies[1]) {
		callSigned(t, "POST", url+"/", body, "X-Topic", "fn_users.users", "X-Connector", "fnstore-postgres", "Content-Type", "application/json").want(t, body, 200, "")
	}
	p := callSigned(t, "GET", url+"/people/"+id, "").want(t, "read", 200, "")
	if p.get("removed") != "true" || p.get("events") != "3" || p.get("name") != "Anna B." {
		t.Errorf("%s", p.body)
	}
	kept := strings.Join(r.column(`select type || ' ' || coalesce(d #>> '{old,name}', '-') || ' ' || coalesce(d #>> '{new,name}', '-')
		from (select seq, type, convert_from(data, 'UTF8')::jsonb d from fn_user_events.event) e order by seq`), "\n")
	if want := "INSERT - Anna\nMODIFY Anna Anna B.\nREMOVE Anna B. -"; kept != want {
		t.Errorf("kept\n%s\nwant\n%s", kept, want)
	}
	if text := log.String(); !strings.Contains(text, "MODIFY") || strings.Contains(text, "example.org") || strings.Contains(text, "Anna") {
		t.Errorf("the log names the events and says nothing about people:\n%s", text)
	}
}

// What is past its time goes, in bounded steps, by the function that only
// maintenance may call.
func TestUserEvents_Sweep(t *testing.T) {
	r := newRig(t)
	r.env["event_retention"] = "1m"
	url := r.userEvents(t)
	for i := range 5 {
		callSigned(t, "POST", url+"/", fmt.Sprintf(`{"type":"x","id":"%d"}`, i)).want(t, "event", 200, "")
	}
	if _, err := r.admin.Exec(t.Context(), `update fn_user_events.event set expires_at = now() - interval '1 s' where id <> '4'`); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3", "1", "0"} {
		if n := r.column(`select fn_user_events.sweep_event(3)::text`)[0]; n != want {
			t.Errorf("%s rows went, want %s", n, want)
		}
	}
	for role, want := range map[string]string{"fn_maintenance": "true", "fn_user_events": "false", "fn_users": "false"} {
		if got := r.column(`select has_function_privilege('` + role + `', 'fn_user_events.sweep_event(int)', 'execute')::text`)[0]; got != want {
			t.Errorf("%s may sweep: %s", role, got)
		}
	}
}

func TestUserEvents_Readme(t *testing.T) {
	r := newRig(t)
	mountEventKey(t)
	r.provide(provision.Function{Name: "user-events", Secrets: []string{"user-events-pg"}})
	h, err := userevents.Open(r.getenv, r.read)
	if err != nil {
		t.Fatal(err)
	}
	out := walk(t, "user-events", map[string]http.Handler{"user-events": h})
	for _, want := range []string{`"email":"anna@example.org","name":"Anna"`, `"events":2`, `"type":"user_promoted"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not have %s:\n%s", want, out)
		}
	}
}
