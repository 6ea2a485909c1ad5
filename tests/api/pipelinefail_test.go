package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A failure that may pass is noted and tried again, until the file is done or its
// attempts are over; one that cannot makes it dead, with the reason; and a dead
// one is read again when its message is sent again.
// Seed: R42, B42
func TestPipeline_FailuresComeAgain(t *testing.T) {
	p := newPipeline(t)
	p.env["process_attempts"] = "3"
	p.open()
	away := func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }

	once := p.drop("readings/once.csv", "text/csv", []byte(readings))
	p.broken.Store(&away)
	if f := p.deliver()[once]; f.Status != 503 || f.Code != "s3_unavailable" {
		t.Errorf("%+v", f)
	}
	p.is(once, "failed", "s3_unavailable")
	p.broken.Store(nil)
	if f := p.deliver(); len(f) != 0 {
		t.Errorf("%+v", f)
	}
	if a := p.is(once, "done", ""); a.get("attempts") != "2" || a.get("record_count") != "3" {
		t.Errorf("%s", a.body)
	}

	locked := p.drop("readings/locked.csv", "text/csv", []byte(readings))
	p.exec(`begin; lock table fn_process.readings`)
	if f := p.deliver()[locked]; f.Status != 503 || f.Code != "busy" {
		t.Errorf("%+v", f)
	}
	p.is(locked, "failed", "busy")
	p.exec(`commit`)
	p.deliver()
	p.is(locked, "done", "")

	never := p.drop("readings/never.csv", "text/csv", []byte(readings))
	p.broken.Store(&away)
	var f item
	for i := range 3 {
		f = p.deliver()[never]
		if a := p.ledger(never); a.get("attempts") != fmt.Sprint(i+1) {
			t.Errorf("after %d: %s", i+1, a.body)
		}
	}
	if f.Status != 422 || f.Code != "s3_unavailable" || !strings.Contains(f.Detail, "at each of 3 attempts") {
		t.Errorf("the third failure: %+v", f)
	}
	if a := p.is(never, "dead", "s3_unavailable"); a.get("attempts") != "3" {
		t.Errorf("%s", a.body)
	}
	p.broken.Store(nil)

	poison := p.drop("readings/poison.csv", "text/csv", []byte("sensor,when\nS1,2026-12-01\n"))
	if f := p.deliver()[poison]; f.Status != 422 || f.Code != "missing_column" || f.Detail != "the file has no column at" {
		t.Errorf("%+v", f)
	}
	p.is(poison, "dead", "missing_column")
	if dead := p.column(`select convert_from(body, 'UTF8')::jsonb ->> 'code' from queue.message where fn = 'topic:files' and headers #>> '{X-Fnstore-Attributes,0}' like '%file_dead%' order by id`); strings.Join(dead, " ") != "s3_unavailable missing_column" {
		t.Errorf("told of the dead: %v", dead)
	}
	p.exec(`alter table fn_process.readings alter column at set default now()`)
	for _, file := range []string{never, poison} { // as a retry of the dead letters does
		text, _ := json.Marshal(map[string]any{"Records": []any{map[string]any{"messageId": "again", "body": `{"file_id":"` + file + `"}`}}})
		if a := callSigned(t, "POST", p.process+"/", string(text)).want(t, "again", 200, ""); a.get("batchItemFailures") != "[]" {
			t.Errorf("again: %s", a.body)
		}
		if a := p.is(file, "done", ""); a.get("attempts") != "1" {
			t.Errorf("%s", a.body)
		}
	}

	// One that ended the process each time, which nobody could note.
	killer := p.drop("readings/killer.csv", "text/csv", []byte(readings))
	p.exec(`update fn_ingest.file set status = 'processing', lease_until = now(), attempts = 3 where file_id = '` + killer + `'`)
	if f := p.deliver()[killer]; f.Status != 422 || f.Code != "never_ended" {
		t.Errorf("%+v", f)
	}
	p.is(killer, "dead", "never_ended")

	// What was replaced or removed before it was read.
	first := p.drop("readings/changing.csv", "text/csv", []byte(readings))
	second := p.drop("readings/changing.csv", "text/csv", []byte(readings+"S4,2026-12-02,4\n"))
	if f := p.deliver(); len(f) != 0 {
		t.Errorf("%+v", f)
	}
	p.is(first, "replaced", "object_changed")
	if a := p.is(second, "done", ""); a.get("record_count") != "4" {
		t.Errorf("%s", a.body)
	}
	// One that is replaced while it is read: the store gives what it began with, or
	// breaks off.
	cut := p.drop("readings/cut.csv", "text/csv", []byte(readings+strings.Repeat("S5,2026-12-02,5\n", 100_000)))
	stop := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			return false
		}
		w.Header().Set("Content-Length", "1600065")
		w.Header().Set("Etag", `"`+strings.Trim(r.Header.Get("If-Match"), `"`)+`"`)
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		_, _ = w.Write([]byte(readings + strings.Repeat("S5,2026-12-02,5\n", 5000)))
		panic(http.ErrAbortHandler)
	}
	p.broken.Store(&stop)
	if f := p.deliver()[cut]; f.Status != 503 {
		t.Errorf("%+v", f)
	}
	p.broken.Store(nil)
	if n := p.count(`select count(*)::text from fn_process.readings where file_id = '` + cut + `'`); n != "0" {
		t.Errorf("%s rows of half a file", n)
	}
	p.deliver()
	if a := p.is(cut, "done", ""); a.get("record_count") != "100003" {
		t.Errorf("%s", a.body)
	}

	for body, code := range map[string]string{`{`: "bad_message", `{"file_id":"x\u0000"}`: "bad_message", `{"file_id":"none"}`: "unknown_file"} {
		text, _ := json.Marshal(map[string]any{"Records": []any{map[string]any{"messageId": "m", "body": body}}})
		if a := callSigned(t, "POST", p.process+"/", string(text)).want(t, body, 200, ""); !strings.Contains(string(a.body), `"status":4`) || !strings.Contains(string(a.body), code) {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	for _, body := range []string{``, `[]`, `{"Records":[]}`, `{"Records":[{"body":"{}"}]}`, `{"Records":[{"messageId":"a","body":""},{"messageId":"a","body":""}]}`} {
		callSigned(t, "POST", p.process+"/", body).want(t, body, 400, "bad_batch")
	}
	// Seen is done, replaced, dead and in progress.
	if n := p.count(`select string_agg(status || ' ' || n, ', ' order by status) from (select status, count(*) n from fn_ingest.file group by 1) x`); n != "dead 1, done 6, replaced 1" {
		t.Errorf("the ledger: %s", n)
	}
}

// Bad rows are in the reject table, as many as the policy allows; beyond it the
// file is dead and none of its rows is kept. What a constraint of the table
// refuses is the whole file.
func TestPipeline_Rejects(t *testing.T) {
	p := newPipeline(t)
	p.env["process_reject_max"] = "3, 50%"
	p.open()
	p.exec(`create table fn_process.strict (id int primary key, n int check (n > 0), kind text not null default 'x'); grant insert, select on fn_process.strict to fn_process`)
	lines := func(bad, good int) []byte {
		return []byte("sensor,at,value\n" + strings.Repeat("S,never,1\n", bad) + strings.Repeat("S,2026-12-01,1\n", good))
	}
	files := map[string][]string{
		p.drop("readings/three.csv", "", lines(3, 3)):                         {"done", "", "3"},
		p.drop("readings/four.csv", "", lines(4, 100)):                        {"dead", "too_many_rejects", "4"},
		p.drop("readings/half.csv", "", lines(2, 1)):                          {"dead", "too_many_rejects", "2"},
		p.drop("readings/none.csv", "", lines(1, 0)):                          {"dead", "no_usable_row", "1"},
		p.drop("strict/good.csv", "", []byte("ID,n\n1,1\n2,2\n")):             {"done", "", "0"},
		p.drop("strict/twice.csv", "", []byte("id,n,kind\n5,1,a\n5,2,b\n")):   {"dead", "row_refused", "0"},
		p.drop("strict/check.ndjson", "", []byte(`{"id":7,"n":-1}`)):          {"dead", "row_refused", "0"},
		p.drop("strict/json.ndjson", "", []byte(`{"id":8,"n":1,"kind":"y"}`)): {"done", "", "0"},
		p.drop("strict/other.csv", "", []byte("a,b\n1,2\n")):                  {"dead", "missing_column", ""},
	}
	p.deliver()
	for file, want := range files {
		a := p.is(file, want[0], want[1])
		if want[2] != "" && a.get("reject_count") != want[2] {
			t.Errorf("%s, want %s rejects", a.body, want[2])
		}
		if n := p.count(`select count(*)::text from fn_process.reject where file_id = '` + file + `'`); want[2] != "" && n != want[2] {
			t.Errorf("%s: %s rejects are kept, want %s", a.get("key"), n, want[2])
		}
	}
	if got := strings.Join(p.column(`select id || ' ' || n || ' ' || kind from fn_process.strict order by 1`), ", "); got != "1 1 x, 2 2 x, 8 1 x" {
		t.Errorf("strict has %s", got)
	}
	if n := p.count(`select count(*)::text from fn_process.readings`); n != "3" {
		t.Errorf("%s readings", n)
	}
	p.exec(`update fn_process.reject set expires_at = now()`)
	if n := p.count(`select fn_process.sweep_reject(4)::text`); n != "4" {
		t.Errorf("%s rejects went", n)
	}
}

// A process that stands still in the middle of a file while another one takes it
// over commits nothing when it wakes up: its fence is old.
func TestPipeline_AnOldLeaseCommitsNothing(t *testing.T) {
	p := newPipeline(t).open()
	file := p.drop("readings/slow.csv", "text/csv", []byte(readings))
	reached, goOn := make(chan struct{}), make(chan struct{})
	first := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			p.broken.Store(nil) // the second one reads as it should
			close(reached)
			<-goOn
		}
		return false
	}
	p.broken.Store(&first)
	text, _ := json.Marshal(map[string]any{"Records": []any{map[string]any{"messageId": "m", "body": `{"file_id":"` + file + `"}`}}})
	send := func() string {
		a, err := trySigned("POST", p.process+"/", string(text))
		if err != nil || a.status != 200 {
			t.Errorf("%d %s %v", a.status, a.body, err)
		}
		return a.get("batchItemFailures")
	}
	slow := make(chan string)
	go func() { slow <- send() }()
	<-reached
	if got := send(); !strings.Contains(got, `"code":"file_busy"`) || !strings.Contains(got, `"status":409`) || !strings.Contains(got, `"retryAfter":1`) {
		t.Errorf("while another one has it: %s", got)
	}
	p.exec(`update fn_ingest.file set lease_until = now()`)
	if got := send(); got != "[]" {
		t.Errorf("after the lease: %s", got)
	}
	close(goOn)
	if got := <-slow; !strings.Contains(got, `"code":"lease_lost"`) {
		t.Errorf("the one that woke up: %s", got)
	}
	if a := p.is(file, "done", ""); a.get("attempts") != "2" {
		t.Errorf("%s", a.body)
	}
	if n := p.count(`select count(*)::text from fn_process.readings`); n != "3" {
		t.Errorf("%s rows", n)
	}
}
