package flow

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// In a whole store a row's change reaches user-events, and so does a notification
// that it has subscribed to; maintenance finds what both have declared.
// Seed: R15, R17, R71
func TestFunctions_OfEvents(t *testing.T) {
	fits(t)
	invoke := func(body string, args ...string) string {
		t.Helper()
		cmd := shared.Command(append([]string{"invoke"}, args...)...)
		cmd.Stdin = strings.NewReader(body)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("invoke %v: %v", args, err)
		}
		return string(out)
	}
	owner, err := pgx.Connect(t.Context(), shared.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(t.Context())
	// A table that is not there yet when its watcher is deployed is watched soon
	// after it is.
	until(t, "the table is watched", func() bool {
		var watched bool
		err := owner.QueryRow(t.Context(), `select exists (select from connector.row_watch where relation = 'fn_users.users' and function = 'user-events')`).Scan(&watched)
		return err == nil && watched
	})
	if _, err := owner.Exec(t.Context(), `insert into fn_users.users (id, name, email, email_key) values (gen_random_uuid(), 'Bob', 'flow@example.org', 'flow@example.org')`); err != nil {
		t.Fatal(err)
	}
	invoke(`{"topic":"flow","protocol":"function","endpoint":"user-events"}`, "-q", "op=subscribe", "notify")
	invoke(`{"topic":"flow","type":"flow_test","id":"flow-1"}`, "notify")
	for _, want := range []string{`"type":"INSERT"`, `"type":"flow_test"`} {
		until(t, "user-events hears of "+want, func() bool {
			return strings.Contains(invoke("", "-m", "GET", "-p", "/events", "user-events"), want)
		})
	}
	if out := invoke("", "maintenance"); !strings.Contains(out, `"user-events/event"`) || !strings.Contains(out, `/notify/notifications.csv`) {
		t.Errorf("maintenance: %s", out)
	}
}

// until asks again until the answer is yes, for a minute; every 200 ms where no
// other time is given.
func until(t *testing.T, what string, yes func() bool, every ...time.Duration) {
	t.Helper()
	every = append(every, 200*time.Millisecond)
	for end := time.Now().Add(time.Minute); !yes(); time.Sleep(every[0]) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
