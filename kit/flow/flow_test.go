package flow_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"fnstore/kit/flow"
	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/local"
	"fnstore/kit/flow/value"
)

// A Parallel in which one branch waits a year for a person, and another for a
// task, goes on after each step as a copy of itself from JSON.
//
// Seed: R73
func TestResume_AYearInParallel(t *testing.T) {
	m := parse(t, `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
		{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":31536000,"Next":"T"},"T":{"Type":"Task","Resource":"f","End":true}}},
		{"StartAt":"U","States":{"U":{"Type":"Task","Resource":"g","Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":60,"MaxAttempts":5}],"End":true}}}]}}}`)
	mocks, err := local.ParseMocks(decode(t, `{"T":{"Return":"late"},"U":[{"Throw":{"Error":"Busy","Cause":""}},{"Return":"soon"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	copies := 0
	res, err := local.Run{Machine: m, Input: decode(t, `{}`), Answer: mocks.Answers(), Between: func(x *flow.Execution) (*flow.Execution, error) {
		copies++
		text, err := json.Marshal(x)
		if err != nil {
			return nil, err
		}
		var y flow.Execution
		return &y, json.Unmarshal(text, &y)
	}}.Do()
	if err != nil {
		t.Fatal(err)
	}
	if got := value.Text(res.Execution.Output.Any); got != `["late","soon"]` || res.Elapsed < 365*24*time.Hour || copies < 3 {
		t.Errorf("gave %s after %s and %d copies", got, res.Elapsed, copies)
	}
}

// What comes twice, or too late, changes nothing.
func TestStep_StaleEvents(t *testing.T) {
	m := parse(t, `{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"f","TimeoutSeconds":5,"Retry":[{"ErrorEquals":["States.ALL"]}],"End":true}}}`)
	in := &flow.Interpreter{Machine: m}
	x := flow.New("id", "run", nil)
	random := rand.NewPCG(1, 2)
	step := func(e flow.Event) ([]flow.Effect, error) { return in.Step(x, e, local.Epoch, random) }
	effects, err := step(flow.Start{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(effects, func(e flow.Effect) bool { _, ok := e.(flow.Task); return ok })
	first := effects[i].(flow.Task)
	if _, err := step(flow.TimerFired{Token: first.Token, Kind: flow.TimerTimeout}); err != nil {
		t.Fatal(err)
	}
	saved, _ := json.Marshal(x)
	for _, e := range []flow.Event{flow.Start{}, flow.Continue{}, flow.TaskSucceeded{Token: first.Token}, flow.TaskFailed{Token: first.Token, Error: "E"}, flow.Heartbeat{Token: first.Token},
		flow.TimerFired{Token: first.Token, Kind: flow.TimerTimeout}, flow.TaskSucceeded{Token: "nonsense"}, flow.ItemsRead{Token: first.Token}} {
		if _, err := step(e); !errors.Is(err, flow.ErrStale) {
			t.Errorf("%T: %v, want ErrStale", e, err)
		}
	}
	if now, _ := json.Marshal(x); string(now) != string(saved) {
		t.Error("a stale event changed the run")
	}
	if _, err := step(flow.Stop{Error: "E", Cause: "c"}); err != nil || x.Status != flow.Aborted {
		t.Error(err, x.Status)
	}
}

func TestFlow_Delay(t *testing.T) {
	for _, c := range []struct {
		r        definition.Retrier
		attempts int
		want     time.Duration
	}{
		{definition.Retrier{IntervalSeconds: 1, BackoffRate: 2}, 0, time.Second},
		{definition.Retrier{IntervalSeconds: 3, BackoffRate: 2}, 2, 12 * time.Second},
		{definition.Retrier{IntervalSeconds: 3, BackoffRate: 1.5}, 1, 4500 * time.Millisecond},
		{definition.Retrier{IntervalSeconds: 3, BackoffRate: 2, MaxDelaySeconds: 5}, 2, 5 * time.Second},
		{definition.Retrier{IntervalSeconds: 3, BackoffRate: 9}, 5000, 31_622_400 * time.Second},
	} {
		if got := flow.Delay(c.r, c.attempts); got != c.want {
			t.Errorf("%+v after %d: %s, want %s", c.r, c.attempts, got, c.want)
		}
	}
}

// The key of a task is the same for each attempt, and another when a loop comes
// back to the state.
func TestTask_IdempotencyKey(t *testing.T) {
	m := parse(t, `{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"f","Retry":[{"ErrorEquals":["E"]}],"Next":"C"},
		"C":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":1,"Next":"S"}],"Default":"End"},"End":{"Type":"Succeed"}}}`)
	mocks, _ := local.ParseMocks(decode(t, `{"S":[{"Throw":{"Error":"E"}},{"Return":1},{"Return":2}]}`))
	res, err := local.Run{Machine: m, Answer: mocks.Answers()}.Do()
	if err != nil || len(res.Tasks) != 3 {
		t.Fatal(err, len(res.Tasks))
	}
	a, b, c := res.Tasks[0], res.Tasks[1], res.Tasks[2]
	if a.IdempotencyKey != b.IdempotencyKey || b.IdempotencyKey == c.IdempotencyKey || a.Token == b.Token {
		t.Errorf("keys %q %q %q", a.IdempotencyKey, b.IdempotencyKey, c.IdempotencyKey)
	}
}

// A machine that never ends is ended by the length of its history.
func TestHistory_IsBounded(t *testing.T) {
	m := parse(t, `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"End"}],"Default":"A"},"End":{"Type":"Succeed"}}}`)
	res, err := local.Run{Machine: m, Input: decode(t, `{}`)}.Do()
	if err != nil || res.Execution.Status != flow.Failed || len(res.History) != flow.DefaultMaxEvents {
		t.Errorf("%v %s with %d events: %s", err, res.Execution.Status, len(res.History), res.Execution.Cause)
	}
	for i, h := range res.History {
		if h.ID != i+1 {
			t.Fatalf("event %d has the id %d", i+1, h.ID)
		}
	}
}
