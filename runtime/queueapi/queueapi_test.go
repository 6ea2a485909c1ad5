package queueapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/queue/circuit"
	"fnstore/kit/queue/deadletter"
	"fnstore/kit/queue/lease"
	"fnstore/kit/wire"
	"fnstore/runtime/delivery/queuetest"
	"fnstore/runtime/queueapi"
)

type rig struct {
	*httptest.Server
	db      *pgxpool.Pool
	numbers *queueapi.Numbers
	told    int
}

func open(t *testing.T) *rig {
	t.Helper()
	r := &rig{}
	_, r.db = queuetest.Open(t)
	r.numbers = queueapi.NewNumbers(r.db)
	mux := http.NewServeMux()
	for _, route := range queueapi.Routes("/system", queueapi.Config{
		DB: r.db,
		Exists: func(_ context.Context, name string) error {
			if name != "f" {
				return fault.New(fault.NotFound, "function_not_found", "there is no function %s", name)
			}
			return nil
		},
		Changed: func() { r.told++ },
	}, r.numbers) {
		mux.HandleFunc(route.Method+" "+route.Path, func(w http.ResponseWriter, req *http.Request) { wire.Serve(w, req, route.Serve) })
	}
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

// die makes a dead letter of a message.
func (r *rig) die(t *testing.T, n queue.New, code string) int64 {
	t.Helper()
	a := queuetest.Enqueue(t, r.db, n)
	q := lease.Open(r.db)
	list, err := q.Claim(t.Context(), 1, []lease.Want{{Function: "f", Max: 1}})
	if err != nil || len(list) != 1 {
		t.Fatalf("claimed %d, %v", len(list), err)
	}
	o := lease.Outcome{Key: list[0].Key(), Function: "f", Verdict: lease.Dead, Failure: lease.Failure{Status: 500, Code: code, Reason: "no luck"}}
	if refused, err := q.Finish(t.Context(), []lease.Outcome{o}); err != nil || len(refused) > 0 {
		t.Fatalf("%v %v", refused, err)
	}
	return a.ID
}

// ask sends a request and reads the answer into got, which may be nil.
func (r *rig) ask(t *testing.T, method, path, body string, want int, got any) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != want {
		t.Fatalf("%s %s: %d %s, want %d", method, path, res.StatusCode, b, want)
	}
	if got != nil {
		if err := json.Unmarshal(b, got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
	}
	return res
}

func (r *rig) refused(t *testing.T, method, path, body string, status int, code string) {
	t.Helper()
	var p wire.Problem
	if r.ask(t, method, path, body, status, &p); p.Code != code {
		t.Errorf("%s %s %s: %s (%s), want %s", method, path, body, p.Code, p.Detail, code)
	}
}

// Seed: R42
func TestList_FiltersAndPages(t *testing.T) {
	r := open(t)
	for i := range 5 {
		r.die(t, queue.New{Body: []byte("x")}, fmt.Sprintf("code_%d", i%2))
	}
	var list []deadletter.Letter
	if r.ask(t, "GET", "/system/dead-letters?code=code_1", "", 200, &list); len(list) != 2 {
		t.Errorf("%d letters with the code", len(list))
	}
	if r.ask(t, "GET", "/system/dead-letters?older=1h", "", 200, &list); len(list) != 0 {
		t.Errorf("%d letters are older than an hour", len(list))
	}
	if r.ask(t, "GET", "/system/dead-letters?newer=1d&function=f", "", 200, &list); len(list) != 5 {
		t.Errorf("%d letters are newer than a day", len(list))
	}
	seen := map[int64]bool{}
	for path := "/system/dead-letters?limit=2"; path != ""; {
		res := r.ask(t, "GET", path, "", 200, &list)
		for _, l := range list {
			seen[l.ID] = true
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(res.Header.Get("Link"), "<"), ">")
	}
	if len(seen) != 5 {
		t.Errorf("the pages have %d letters", len(seen))
	}
	for _, q := range []string{"older=soon", "older=-1h", "limit=0", "after=x", "id=-4", "functoin=f", "code=%00"} {
		var p wire.Problem
		if r.ask(t, "GET", "/system/dead-letters?"+q, "", 400, &p); p.Code == "" {
			t.Errorf("%s: no code", q)
		}
	}
}

func TestShow_BodyAndRedaction(t *testing.T) {
	r := open(t)
	id := r.die(t, queue.New{Body: []byte("grüße"), Headers: http.Header{"Authorization": {"Bearer hush"}, "Content-Type": {"text/plain"}}, Path: "/a?token=hush&b=1"}, "c")
	var l queueapi.Letter
	r.ask(t, "GET", fmt.Sprint("/system/dead-letters/", id), "", 200, &l)
	if l.Encoding != "text" || l.Body != "grüße" || l.Headers.Get("Authorization") != "[redacted]" || strings.Contains(l.Path, "hush") || len(l.History) != 1 {
		t.Errorf("%+v", l)
	}
	id = r.die(t, queue.New{Body: []byte{0xff, 0, 1}}, "c")
	r.ask(t, "GET", fmt.Sprint("/system/dead-letters/", id), "", 200, &l)
	if b, err := l.Bytes(); l.Encoding != "base64" || string(b) != "\xff\x00\x01" || err != nil {
		t.Errorf("%s %x %v", l.Encoding, b, err)
	}
	r.refused(t, "GET", "/system/dead-letters/999999", "", 404, "no_dead_letter")
	r.refused(t, "GET", "/system/dead-letters/x", "", 400, "bad_number")
}

func TestJobs_DryRunStartCancel(t *testing.T) {
	r := open(t)
	id := r.die(t, queue.New{}, "a")
	r.die(t, queue.New{}, "b")
	var n struct{ Count int }
	if r.ask(t, "POST", "/system/dead-letters/purge", `{"code":"a","dry_run":true}`, 200, &n); n.Count != 1 {
		t.Errorf("a dry run counts %d", n.Count)
	}
	if got := queuetest.Count(t, r.db, "dead"); got != 2 {
		t.Errorf("a dry run left %d", got)
	}
	var job deadletter.Job
	res := r.ask(t, "POST", "/system/dead-letters/retry", fmt.Sprintf(`{"ids":[%d]}`, id), 202, &job)
	if job.Total != 1 || job.State != "running" || res.Header.Get("Location") != fmt.Sprint("/system/dead-letters/jobs/", job.ID) || r.told != 1 {
		t.Errorf("%+v %s, told %d", job, res.Header.Get("Location"), r.told)
	}
	for job.State == "running" {
		if _, _, err := deadletter.Step(t.Context(), r.db); err != nil {
			t.Fatal(err)
		}
		r.ask(t, "GET", res.Header.Get("Location"), "", 200, &job)
	}
	if job.Done != 1 || queuetest.Count(t, r.db, "message") != 1 {
		t.Errorf("%+v", job)
	}
	r.refused(t, "DELETE", res.Header.Get("Location"), "", 409, "job_over")
	r.ask(t, "POST", "/system/dead-letters/purge", `{"all":true,"rate":1}`, 202, &job)
	if r.ask(t, "DELETE", fmt.Sprint("/system/dead-letters/jobs/", job.ID), "", 200, &job); job.State != "cancelled" {
		t.Errorf("%+v", job)
	}
	var jobs []deadletter.Job
	if r.ask(t, "GET", "/system/dead-letters/jobs", "", 200, &jobs); len(jobs) != 2 {
		t.Errorf("%d jobs", len(jobs))
	}
}

// What chooses nothing touches nothing.
func TestJobs_RefuseWhatIsNotMeant(t *testing.T) {
	r := open(t)
	r.die(t, queue.New{}, "a")
	for body, code := range map[string]string{
		`{}`: "no_filter", `{"dry_run":true}`: "no_filter", `{"ids":[]}`: "no_filter", `{"all":true,"code":"a"}`: "no_filter",
		`{"functoin":"f"}`: "bad_json", `{"all":true,"rate":100000}`: "bad_rate", `{"all":true,"rate":-1}`: "bad_rate",
		`{"ids":[0]}`: "bad_filter", `{"older":"x"}`: "bad_age", `[]`: "bad_json", ``: "bad_json",
	} {
		r.refused(t, "POST", "/system/dead-letters/purge", body, 400, code)
	}
	r.refused(t, "GET", "/system/dead-letters/jobs/77", "", 404, "no_job")
	r.refused(t, "DELETE", "/system/dead-letters/jobs/77", "", 404, "no_job")
	if queuetest.Count(t, r.db, "job") != 0 || queuetest.Count(t, r.db, "dead") != 1 {
		t.Error("something was begun")
	}
}

func TestPause_AndResume(t *testing.T) {
	r := open(t)
	r.refused(t, "POST", "/system/queue/pause", `{"function":"g"}`, 404, "function_not_found")
	r.refused(t, "POST", "/system/queue/resume", `{"function":"f"}`, 409, "not_paused")
	r.refused(t, "POST", "/system/queue/pause", `{"function":""}`, 400, "bad_request")
	r.ask(t, "POST", "/system/queue/pause", `{"function":"f","reason":"moving house"}`, 200, nil)
	var got struct{ Functions []queueapi.Function }
	r.ask(t, "GET", "/system/queue", "", 200, &got)
	if len(got.Functions) != 1 || got.Functions[0].State() != string(circuit.Paused) || got.Functions[0].Circuit.Reason != "moving house" || !got.Functions[0].Circuit.Operator {
		t.Errorf("%+v", got)
	}
	r.ask(t, "POST", "/system/queue/resume", `{"function":"f"}`, 200, nil)
	if r.ask(t, "GET", "/system/queue", "", 200, &got); len(got.Functions) != 0 || r.told != 2 {
		t.Errorf("%+v, told %d", got, r.told)
	}
}

func TestCollector_QueueMetrics(t *testing.T) {
	r := open(t)
	r.die(t, queue.New{}, "a")
	queuetest.Enqueue(t, r.db, queue.New{})
	if err := circuit.Pause(t.Context(), r.db, "f", "x"); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(queueapi.Collector(r.numbers, func(f string) string { return f + ".openfaas-fn" }))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for name, value := range map[string]int{"waiting_messages": 1, "in_flight_messages": 0, "dead_letters": 1, "paused": 1, "circuit_open": 1, "attempts": 0} {
		if want := fmt.Sprintf("fnstore_queue_%s{function_name=\"f.openfaas-fn\"} %d\n", name, value); !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if !strings.Contains(w.Body.String(), "fnstore_queue_oldest_message_age_seconds{") {
		t.Error("the metrics lack the age")
	}
}

func FuzzChoice(f *testing.F) {
	f.Add(`{"ids":[1],"older":"3d"}`)
	f.Add(`{"all":true}`)
	f.Fuzz(func(t *testing.T, body string) {
		mux := http.NewServeMux()
		for _, route := range queueapi.Routes("", queueapi.Config{DB: nobody{}}, queueapi.NewNumbers(nobody{})) {
			mux.HandleFunc(route.Method+" "+route.Path, func(w http.ResponseWriter, req *http.Request) { wire.Serve(w, req, route.Serve) })
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("POST", "/dead-letters/purge", strings.NewReader(body)))
		if w.Code != 400 && w.Code != 500 { // 500 is the database that is not there
			t.Errorf("%q: %d", body, w.Code)
		}
	})
}
