package flow

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"fnstore/kit/photo/phototest"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
	"fnstore/runtime/spans"
	"fnstore/runtime/traceapi"
	"fnstore/tests/storetest"
)

// journey asks for a call's trace until it has what is wanted: a step is recorded
// a moment after its caller has the answer.
func journey(t *testing.T, s *storetest.Store, callID string, enough func(traceapi.Trace) bool) (got traceapi.Trace) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if code := system(t.Context(), t, s, "GET", "/system/traces/"+callID, "", &got); code == http.StatusOK && enough(got) {
			return got
		}
		if time.Now().After(end) {
			t.Fatalf("call %s:\n%s", callID, traceapi.Text(got))
		}
	}
}

// find gives the steps of a kind.
func find(t traceapi.Trace, kind spans.Kind, function string) (list []traceapi.Step) {
	for _, s := range t.Steps {
		if s.Kind == kind && s.Function == function {
			list = append(list, s)
		}
	}
	return list
}

// within reports whether one step is part of another, at whatever depth.
func within(t traceapi.Trace, inner, outer traceapi.Step) bool {
	for id := inner.Parent; id != ""; {
		if id == outer.ID {
			return true
		}
		i := slices.IndexFunc(t.Steps, func(s traceapi.Step) bool { return s.ID == id })
		if i < 0 {
			return false
		}
		id = t.Steps[i].Parent
	}
	return false
}

// A photo's journey: the write to the object store, the message, its wait and its
// delivery, the gateway, the function, and the line in the function's log.
//
// Seed: R33
func TestTraces_OfAPhoto(t *testing.T) {
	fits(t)
	id := upload(t, shared, "traced.jpg", phototest.Phone(400, 300, 1))
	if p := await(t, shared, id); p.State != queue.Succeeded {
		t.Fatalf("%+v", p)
	}
	got := journey(t, shared, id, func(got traceapi.Trace) bool {
		return len(find(got, spans.Function, "thumbnail")) > 0 && len(got.Logs) > 0 && len(find(got, spans.Object, "")) > 0
	})
	chain := []traceapi.Step{}
	for _, want := range []struct {
		kind     spans.Kind
		function string
	}{{spans.Object, ""}, {spans.Message, "thumbnail"}, {spans.Attempt, "thumbnail"}, {spans.Call, "thumbnail"}, {spans.Function, "thumbnail"}} {
		list := find(got, want.kind, want.function)
		if len(list) == 0 {
			t.Fatalf("no %s of %q:\n%s", want.kind, want.function, traceapi.Text(got))
		}
		chain = append(chain, list[0])
	}
	for i := range len(chain) - 1 {
		if !within(got, chain[i+1], chain[i]) {
			t.Errorf("the %s is no part of the %s:\n%s", chain[i+1].Kind, chain[i].Kind, traceapi.Text(got))
		}
	}
	if len(find(got, spans.Queued, "thumbnail")) != 1 || chain[1].Source != "object" || got.State != "ok" {
		t.Errorf("%s", traceapi.Text(got))
	}
	out, err := shared.Command("trace", id).CombinedOutput()
	for _, want := range []string{"object", "message thumbnail (object)", "attempt 1 thumbnail", "function thumbnail", `"msg":"request"`} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%v, %q is not in\n%s", err, want, out)
		}
	}
}

// A call that wakes a function waits for its process, and the wait is shown.
func TestTraces_OfACallThatWakes(t *testing.T) {
	fits(t)
	greeter(t, "dozing", map[string]string{"fnstore.scale.zero-duration": "1s", "fnstore.scale.down-delay": "1s"})
	sleeping(t, "dozing")
	req, err := http.NewRequestWithContext(t.Context(), "GET", shared.URL+"/function/dozing", nil)
	if err != nil {
		t.Fatal(err)
	}
	const before = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	req.Header.Set("Traceparent", before)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	got := journey(t, shared, res.Header.Get(wire.CallID), func(got traceapi.Trace) bool { return len(find(got, spans.Start, "dozing")) == 1 })
	calls := find(got, spans.Call, "dozing")
	if len(calls) != 1 || got.TraceID != before[3:35] || calls[0].Parent != before[36:52] || !within(got, find(got, spans.Start, "dozing")[0], calls[0]) {
		t.Errorf("%s", traceapi.Text(got))
	}
}

// Two attempts that fail, and the end, before and after the store was killed.
func TestTraces_OfFailedAttempts(t *testing.T) {
	fits(t)
	greeter(t, "fails", map[string]string{"com.openfaas.retry.codes": "400", "com.openfaas.retry.attempts": "2", "com.openfaas.retry.min_wait": "50ms", "com.openfaas.retry.max_wait": "50ms"})
	res, err := http.Post(shared.URL+"/async-function/fails", "application/json", strings.NewReader(`{"name":`))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	id := res.Header.Get(wire.CallID)
	if p := await(t, shared, id); p.State != queue.Failed || p.Attempts != 2 {
		t.Fatalf("%+v", p)
	}
	got := journey(t, shared, id, func(got traceapi.Trace) bool { return len(find(got, spans.Call, "fails")) == 2 })
	check := func(got traceapi.Trace) {
		t.Helper()
		attempts, messages := find(got, spans.Attempt, "fails"), find(got, spans.Message, "fails")
		if len(attempts) != 2 || attempts[0].Verdict != "retry" || attempts[1].Verdict != "dead" || attempts[1].Status != 400 ||
			len(messages) != 1 || messages[0].Verdict != "dead" || got.State != "failed" {
			t.Errorf("%s", traceapi.Text(got))
		}
	}
	check(got)
	if accepted := find(got, spans.Accept, "fails"); len(accepted) != 1 || !within(got, find(got, spans.Message, "fails")[0], accepted[0]) {
		t.Errorf("%s", traceapi.Text(got))
	}
	if err := shared.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := shared.Up(); err != nil {
		t.Fatal(err)
	}
	check(journey(t, shared, id, func(traceapi.Trace) bool { return true }))
}

// status prints what runs and where; it fails where nothing does.
//
// Seed: R49
func TestStatus_OfTheStore(t *testing.T) {
	fits(t)
	before := callsOf(t, "hello")
	must(t, ".", `{"name":"status"}`, []string{"invoke", "hello"}, "Hello, status!")
	if after := callsOf(t, "hello"); after <= before {
		t.Errorf("hello has %v calls after one more, and had %v", after, before)
	}
	out, err := shared.Command("status").CombinedOutput()
	words := strings.Join(strings.Fields(string(out)), " ")
	for _, want := range []string{
		"gateway up " + shared.URL, "postgres up", "redis up", "s3 up " + shared.S3Endpoint, "events up workers: 1",
		"endpoint " + shared.URL + "/function/NAME", "queue " + shared.URL + "/async-function/NAME",
		"bucket uploads " + shared.S3Endpoint + "/uploads", "credentials " + shared.State + "/credentials", "hello ready 1/1",
	} {
		if err != nil || !strings.Contains(words, want) {
			t.Errorf("%v: %q is not in\n%s", err, want, out)
		}
	}
	for _, secret := range []string{shared.Password, shared.S3Secret} {
		if strings.Contains(string(out), secret) {
			t.Error("a password is printed")
		}
	}
	down := shared.Command("status", "--json")
	down.Env = append(slices.Clone(down.Env), "OPENFAAS_URL=http://127.0.0.1:1", "OPENFAAS_PASSWORD_FILE="+shared.Env["OPENFAAS_PASSWORD_FILE"], "FNSTORE_STATE=")
	out, err = down.Output()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), `"ok": false`) {
		t.Errorf("of a store that does not run: %v\n%s", err, out)
	}
}

// callsOf is what fnstore status says of a function.
func callsOf(t *testing.T, name string) float64 {
	t.Helper()
	out, err := shared.Command("status", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Functions []struct {
			Name  string
			Calls float64
		}
	}
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Functions {
		if f.Name == name {
			return f.Calls
		}
	}
	t.Fatalf("status has no %s", name)
	return 0
}
