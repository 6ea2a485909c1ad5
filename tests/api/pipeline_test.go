package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ingest "fnstore/functions/ingest"
	process "fnstore/functions/process"
	"fnstore/kit/s3"
	"fnstore/runtime/provision"
)

// pipeline is ingest and process with their logins and a real object store. The
// test is the event plane: it makes events of what it puts, and batches of the
// messages in the queue.
type pipeline struct {
	*rig
	t               *testing.T
	store           *s3.Client
	ingest, process string // URLs
	handlers        map[string]http.Handler
	sequencer       atomic.Int64
	// broken, while set, answers reads of objects in place of the store.
	broken atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	p := &pipeline{rig: newRig(t), t: t}
	mountEventKey(t)
	p.provide(provision.Function{Name: "ingest", Secrets: []string{"ingest-pg"}, Annotations: map[string]string{"fnstore.sends": "process"}})
	p.provide(provision.Function{Name: "process", Secrets: []string{"process-pg"}, Annotations: map[string]string{"fnstore.sends": "topic:files"}})
	var at string
	at, p.store = p.objectStore(t, "data", "other")
	u, err := neturl.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(&neturl.URL{Scheme: "http", Host: u.Host})
	behind.Director = func(r *http.Request) { r.URL.Scheme, r.URL.Host = "http", u.Host } // the host is signed
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := p.broken.Load(); f != nil && (*f)(w, r) {
			return
		}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	front.URL = strings.Replace(front.URL, "http://", "http://"+u.User.String()+"@", 1)
	p.set("ingest-s3", front.URL)
	p.set("process-s3", front.URL)
	return p
}

// open starts the functions with the environment as it is now.
func (p *pipeline) open() *pipeline {
	p.t.Helper()
	in, err := ingest.Open(p.getenv, p.read)
	p.ingest = serve(p.t, in, err)
	out, err := process.Open(p.getenv, p.read)
	p.process = serve(p.t, out, err)
	p.handlers = map[string]http.Handler{"ingest": in, "process": out}
	return p
}

// put puts an object and gives the event that it makes.
func (p *pipeline) put(key, contentType string, body []byte) (event string) {
	p.t.Helper()
	etag, err := p.store.Put(p.t.Context(), "data", key, contentType, nil, body)
	if err != nil {
		p.t.Fatal(err)
	}
	return fmt.Sprintf(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"data"},"object":{"key":%q,"size":%d,"eTag":%q,"sequencer":"%016X"}}}]}`,
		neturl.QueryEscape(key), len(body), etag, p.sequencer.Add(1))
}

// drop puts an object under incoming/ and has it taken. It gives its file_id.
func (p *pipeline) drop(key, contentType string, body []byte) (file string) {
	p.t.Helper()
	a := callSigned(p.t, "POST", p.ingest+"/", p.put("incoming/"+key, contentType, body)).want(p.t, key, 200, "")
	var got struct {
		Results []struct {
			FileID string `json:"file_id"`
			Status string
		}
	}
	if err := json.Unmarshal(a.body, &got); err != nil || len(got.Results) != 1 || got.Results[0].Status != "accepted" {
		p.t.Fatalf("%s: %s, %v", key, a.body, err)
	}
	return got.Results[0].FileID
}

// item is a failure of a batch.
type item struct {
	Status     int
	Code       string
	Detail     string
	RetryAfter int
}

// deliver gives process all its messages in batches of ten, as often as it is
// called. A message that succeeded, or can never, leaves the queue. It gives the
// failures by file.
func (p *pipeline) deliver() map[string]item {
	p.t.Helper()
	type message struct {
		ID   string
		Body string
	}
	failures := map[string]item{}
	var list []message
	for _, line := range p.column(`select call_id || ' ' || convert_from(body, 'UTF8') from queue.message where fn = 'process' order by id`) {
		id, body, _ := strings.Cut(line, " ")
		list = append(list, message{id, body})
	}
	for batch := range slices.Chunk(list, 10) {
		type record struct {
			MessageID string `json:"messageId"`
			Body      string `json:"body"`
		}
		var records []record
		bodies := map[string]string{}
		for _, m := range batch {
			records, bodies[m.ID] = append(records, record{m.ID, m.Body}), m.Body
		}
		text, err := json.Marshal(map[string]any{"Records": records})
		if err != nil {
			p.t.Fatal(err)
		}
		a := callSigned(p.t, "POST", p.process+"/", string(text)).want(p.t, "batch", 200, "")
		var got struct {
			BatchItemFailures []struct {
				ItemIdentifier string
				item
			}
		}
		if err := json.Unmarshal(a.body, &got); err != nil {
			p.t.Fatalf("%s: %v", a.body, err)
		}
		left := maps.Clone(bodies)
		for _, f := range got.BatchItemFailures {
			var m struct {
				FileID string `json:"file_id"`
			}
			_ = json.Unmarshal([]byte(bodies[f.ItemIdentifier]), &m)
			failures[m.FileID] = f.item
			if f.Status == 409 || f.Status == 429 || f.Status >= 500 {
				delete(left, f.ItemIdentifier)
			}
		}
		for id := range left {
			if _, err := p.admin.Exec(p.t.Context(), `delete from queue.message where call_id = $1`, id); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	return failures
}

// ledger is what ingest says of a file.
func (p *pipeline) ledger(file string) reply {
	p.t.Helper()
	return callSigned(p.t, "GET", p.ingest+"/files/"+file, "").want(p.t, "ledger of "+file, 200, "")
}

// is fails unless the file is in a state, with a code.
func (p *pipeline) is(file, status, code string) reply {
	p.t.Helper()
	a := p.ledger(file)
	if a.get("status") != status || a.get("code") != code {
		p.t.Errorf("%s, want %s %s", a.body, status, code)
	}
	return a
}

func (p *pipeline) count(sql string) string {
	p.t.Helper()
	return p.column(sql)[0]
}

const readings = "sensor,at,value\nS1,2026-12-01T00:00:00Z,1.5\nS2,2026-12-01T01:00:00+01:00,\n\"S,3\",2026-12-01,-3\n"

// A file becomes a row of the ledger and one message with the seed's fields and
// attributes, whatever comes twice; another content of the key, equal bytes under
// another key and equal bytes put again are files of their own.
// Seed: R36, B39, B41
func TestPipeline_OneFileOneMessage(t *testing.T) {
	p := newPipeline(t).open()
	call(t, "POST", p.ingest+"/", `{}`).want(t, "unsigned", 401, "unsigned_call")
	event := p.put("incoming/readings/a b.csv", "text/csv; charset=utf-8", []byte(readings))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if a, err := trySigned("POST", p.ingest+"/", event); err != nil || a.status != 200 {
				t.Errorf("%d %s %v", a.status, a.body, err)
			}
		})
	}
	all.Wait()
	if n := p.count(`select count(*) || ' ' || (select count(*) from fn_ingest.file) from queue.message where fn = 'process'`); n != "1 1" {
		t.Errorf("messages and rows after eight times the same event: %s", n)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(p.count(`select convert_from(body, 'UTF8') from queue.message where fn = 'process'`)), &m); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, fmt.Sprint(m["upload_time"]))
	if err != nil || time.Since(at).Abs() > time.Hour || m["bucket"] != "data" || m["key"] != "incoming/readings/a b.csv" || m["size"] != float64(len(readings)) || m["content_type"] != "text/csv; charset=utf-8" || len(fmt.Sprint(m["file_id"])) != 32 {
		t.Errorf("%v, %v", m, err)
	}
	if got := p.count(`select headers #>> '{X-Fnstore-Attributes,0}' from queue.message where fn = 'process'`); got != fmt.Sprintf(`{"ContentType":"text/csv; charset=utf-8","FileSize":%d}`, len(readings)) {
		t.Errorf("attributes %s", got)
	}

	p.drop("readings/twin.csv", "text/csv", []byte(readings))
	p.drop("readings/a b.csv", "text/csv", []byte(readings)) // the same bytes put again
	p.drop("readings/a b.csv", "text/csv", []byte(readings+"S4,2026-12-02,4\n"))
	if n := p.count(`select count(*) || ' ' || count(distinct grp) from queue.message where fn = 'process'`); n != "4 2" {
		t.Errorf("messages and groups: %s", n)
	}
	// What the event speaks of is not there any more, or nothing to take.
	for name, body := range map[string]string{
		"superseded": event[:strings.Index(event, `"eTag"`)] + `"eTag":"0123","sequencer":"9"}}}]}`, "gone": strings.Replace(event, "a+b.csv", "none.csv", 1),
		"nothing was created": strings.Replace(event, "ObjectCreated:Put", "ObjectRemoved:Delete", 1), "files of this place are not taken": strings.Replace(event, "incoming%2F", "done%2F", 1),
		"it is a folder": strings.Replace(event, "a+b.csv", "", 1),
	} {
		if a := callSigned(t, "POST", p.ingest+"/", body).want(t, name, 200, ""); !strings.Contains(string(a.body), `"status":"skipped","reason":"`+name+`"`) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	for _, body := range []string{``, `{`, `[]`, `{"Records":[]}`, `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"data"},"object":{"key":"%zz"}}}]}`, `{"Records":[{"s3":{"bucket":{"name":"da\u0000ta"},"object":{"key":"a"}}}]}`} {
		callSigned(t, "POST", p.ingest+"/", body).want(t, body, 400, "bad_event")
	}
	fail := func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }
	p.broken.Store(&fail)
	if a := callSigned(t, "POST", p.ingest+"/", event); a.status != 503 {
		t.Errorf("without a store: %d %s", a.status, a.body)
	}
}

// Files of each format go into the table that their folder names, or are kept
// row by row; the ledger, the table and the metrics agree.
// Seed: R37, R38, B43, B44, B46, B47
func TestPipeline_RowsAreInTheTable(t *testing.T) {
	p := newPipeline(t).open()
	packed := new(bytes.Buffer)
	z := gzip.NewWriter(packed)
	fmt.Fprintf(z, `[{"sensor":"J1","at":"2026-12-01T00:00:00.123456Z","value":12345678901234567890.12,"note":"x"},{"SENSOR":"J2","at":"2026-12-02","value":"2"}]`)
	_ = z.Close()
	files := map[string]string{
		p.drop("readings/2026/12.csv", "text/csv; charset=utf-8", []byte(readings)):                                                                             "readings 3 0",
		p.drop("readings/named.csv", "application/octet-stream", packed.Bytes()):                                                                                "readings 2 0",
		p.drop("readings/lines", "", []byte(`{"sensor":"N1","at":"2026-12-01"}`+"\n"+`{"sensor":5,"at":"yesterday"}`+"\n"+`{"sensor":"N2","at":"2026-12-03"}`)): "readings 2 1",
		p.drop("unknown/a.csv", "text/csv", []byte("a;b\n1;\n")):                                                                                                "records 1 0",
		p.drop("a.ndjson", "", []byte("{\"a\":1}\n{\"a\":[2]}\n")):                                                                                              "records 2 0",
		p.drop("reject/a.csv", "text/csv", []byte("file_id,code\n1,2\n")):                                                                                       "records 1 0",
		p.drop("readings/twin.csv", "text/csv", []byte(readings)):                                                                                               "readings 3 0",
	}
	if failures := p.deliver(); len(failures) != 0 {
		t.Fatalf("%+v", failures)
	}
	for file, want := range files {
		a := p.is(file, "done", "")
		if got := a.get("target") + " " + a.get("record_count") + " " + a.get("reject_count"); got != want {
			t.Errorf("%s: %s, want %s", a.get("key"), got, want)
		}
		if n := p.count(`select count(*)::text from (select file_id from fn_process.readings union all select file_id from fn_process.records) x where file_id = '` + file + `'`); n != a.get("record_count") {
			t.Errorf("%s: %s rows are in the tables, the ledger says %s", a.get("key"), n, a.get("record_count"))
		}
	}
	got := strings.Join(p.column(`select sensor || ' ' || to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || ' ' || coalesce(value::text, '-') from fn_process.readings group by sensor, at, value order by 1`), "\n")
	if want := "J1 2026-12-01 00:00:00.123456 12345678901234567890.12\nJ2 2026-12-02 00:00:00.000000 2\nN1 2026-12-01 00:00:00.000000 -\nN2 2026-12-03 00:00:00.000000 -\nS,3 2026-12-01 00:00:00.000000 -3\nS1 2026-12-01 00:00:00.000000 1.5\nS2 2026-12-01 00:00:00.000000 -"; got != want {
		t.Errorf("rows\n%s\nwant\n%s", got, want)
	}
	if got := strings.Join(p.column(`select line || ' ' || data from fn_process.records order by data::text collate "C"`), "; "); got != `2 {"a": "1", "b": null}; 1 {"a": 1}; 2 {"a": [2]}; 2 {"code": "2", "file_id": "1"}` {
		t.Errorf("records %s", got)
	}
	var lines string
	for file, want := range files {
		if want == "readings 2 1" {
			lines = file
		}
		if want == "readings 2 0" {
			if a := p.ledger(file); a.get("ignored_fields") != `["note"]` {
				t.Errorf("%s", a.body)
			}
		}
	}
	if a := callSigned(t, "GET", p.process+"/rejects/"+lines, "").want(t, "rejects", 200, ""); !strings.Contains(string(a.body), `"row":2,"line":2,"column":18,"field":"at","code":"invalid_value"`) {
		t.Errorf("%s", a.body)
	}
	if a := callSigned(t, "GET", p.process+"/tables/readings?limit=2&file_id="+lines, "").want(t, "rows", 200, ""); strings.Count(string(a.body), `"sensor":"N`) != 2 {
		t.Errorf("%s", a.body)
	}
	if a := callSigned(t, "GET", p.process+"/tables", "").want(t, "tables", 200, ""); !strings.Contains(string(a.body), `{"name":"readings","columns":[{"name":"sensor","type":"text","not_null":true}`) {
		t.Errorf("%s", a.body)
	}
	for path, want := range map[string]int{"/tables/file": 404, "/tables/schema_migration": 404, "/tables/x%22y": 404, "/tables/readings?limit=0": 400, "/rejects/x?after=y": 400, "/rejects/x": 200} {
		callSigned(t, "GET", p.process+path, "").want(t, path, want, "")
	}
	told := p.column(`select headers #>> '{X-Fnstore-Attributes,0}' || (convert_from(body, 'UTF8')::jsonb ->> 'record_count') from queue.message where fn = 'topic:files' order by 1`)
	if len(told) != 7 || told[0] != `{"table":"readings","type":"file_done"}2` {
		t.Errorf("told: %v", told)
	}

	// Every message and every event again: nothing is there twice.
	p.exec(`update fn_ingest.file set lease_until = now()`)
	for file := range files {
		text, _ := json.Marshal(map[string]any{"Records": []any{map[string]any{"messageId": "again", "body": `{"file_id":"` + file + `"}`}}})
		if a := callSigned(t, "POST", p.process+"/", string(text)).want(t, "again", 200, ""); a.get("batchItemFailures") != "[]" {
			t.Errorf("again: %s", a.body)
		}
	}
	if n := p.count(`select (select count(*) from fn_process.readings) || ' ' || (select count(*) from fn_process.records)`); n != "10 4" {
		t.Errorf("rows after all came twice: %s", n)
	}
}

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
	if n := p.count(`select string_agg(status || ' ' || n, ', ' order by status) from (select status, count(*) n from fn_ingest.file group by 1) x`); n != "done 6, replaced 1" {
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

func TestPipeline_Readmes(t *testing.T) {
	p := newPipeline(t).open()
	p.put("incoming/readings/a.csv", "text/csv", []byte(readings+"S9,never,0\n"))
	out := walk(t, "ingest", p.handlers)
	for _, want := range []string{`"status":"accepted"`, `"status":"duplicate"`, `{"files":[]}`} {
		if !strings.Contains(out, want) {
			t.Errorf("ingest: the output does not have %s:\n%s", want, out)
		}
	}
	p.deliver()
	out = walk(t, "process", p.handlers)
	for _, want := range []string{`{"name":"readings","columns":[`, `{"at":"2026-12-01T00:00:00+00:00","value":1.5,"sensor":"S1"`, `"line":5,"column":4,"field":"at"`, `{"batchItemFailures":[]}`} {
		if !strings.Contains(out, want) {
			t.Errorf("process: the output does not have %s:\n%s", want, out)
		}
	}
}

// Whatever a file is, it ends as a row of the ledger with a reason, the calls
// answer 200, and good files beside it are done.
// Seed: B45, B47
func TestPipeline_HostileFiles(t *testing.T) {
	p := newPipeline(t).open()
	gz := func(write func(*gzip.Writer)) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		write(z)
		_ = z.Close()
		return b.Bytes()
	}
	zeros := make([]byte, 1<<20)
	bomb := gz(func(z *gzip.Writer) {
		for range 200 {
			_, _ = z.Write(zeros)
		}
	})
	long := bytes.Repeat([]byte("x"), 100<<20)
	columns := []byte(strings.Repeat("c,", 1_000_000) + "c\n1\n")
	deep := strings.Repeat("[", 1_000_000)
	for name, f := range map[string]struct {
		body []byte
		want string
	}{
		"readings/empty.csv":        {nil, "dead empty"},
		"readings/header.csv":       {[]byte("sensor,at\n"), "done "},
		"readings/bom.csv":          {[]byte("\xef\xbb\xbfsensor,at\nB,2026-12-01\n"), "done "},
		"readings/packed.csv":       {gz(func(z *gzip.Writer) { _, _ = z.Write([]byte(readings)) }), "done "},
		"readings/cut.csv.gz":       {gz(func(z *gzip.Writer) { _, _ = z.Write([]byte(readings)) })[:30], "dead truncated"},
		"readings/bomb.csv.gz":      {bomb, "dead "},
		"readings/long.csv":         {append([]byte("sensor,at\n"), long...), "dead row_too_long"},
		"readings/long.ndjson":      {append([]byte("{\"sensor\":\""), long...), "dead "},
		"readings/columns.csv":      {columns, "dead "},
		"readings/quote.csv":        {[]byte("sensor,at\n\"S,2026-12-01\nS,2026-12-01\n"), "dead unterminated_quote"},
		"readings/utf16.csv":        {[]byte("\xff\xfes\x00e\x00"), "dead invalid_encoding"},
		"readings/latin.csv":        {[]byte("sensor,at\nM\xfcnchen,2026-12-01\nS,2026-12-01\n"), "done "},
		"readings/nul.csv":          {[]byte("sensor,at\nS\x00,2026-12-01\nS,2026-12-01\n"), "done "},
		"readings/deep.json":        {[]byte(deep), "dead "},
		"readings/deep.ndjson":      {[]byte("{\"sensor\":\"S\",\"at\":\"2026-12-01\"}\n{\"a\":" + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}\n"), "done "},
		"readings/huge.ndjson":      {[]byte("{\"sensor\":12345678901234567890123,\"at\":\"2026-12-01\",\"value\":1e400}\n"), "done "},
		"readings/twice.ndjson":     {[]byte("{\"sensor\":\"S\",\"Sensor\":\"T\",\"at\":\"2026-12-01\"}\n"), "dead no_usable_row"},
		"readings/picture.csv":      {[]byte("\x89PNG\r\n\x1a\n" + strings.Repeat("\x00\x01", 100)), "dead unsupported_format"},
		"readings/open.json":        {[]byte(`[{"sensor":"S","at":"2026-12-01"}`), "dead truncated"},
		"readings/scalar.json":      {[]byte(`"just a text"`), "dead "},
		"../readings/dots.csv":      {[]byte(readings), "done "},
		"readings'; drop table x/a": {[]byte(readings), "done "},
		"records/a.ndjson":          {[]byte(`{"a":"\u0000"}` + "\n" + `{"a":1}`), "done "},
		"file/a.csv":                {[]byte(readings), "done "},
		"good.csv":                  {[]byte(readings), "done "},
		"deep.ndjson":               {[]byte(`{"a":` + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 41)), "dead no_usable_row"},
	} {
		file := p.drop(name, "text/csv", f.body)
		p.deliver()
		a := p.ledger(file)
		if got := a.get("status") + " " + a.get("code"); !strings.HasPrefix(got, f.want) {
			t.Errorf("%s: %s %s, want %s", name, got, a.get("reason"), f.want)
		}
		if a.get("status") == "dead" && (a.get("reason") == "" || len(a.get("reason")) > 1000) {
			t.Errorf("%s: the reason is %q", name, a.get("reason"))
		}
	}
	if n := p.count(`select count(*)::text from fn_process.readings r where not exists (select from fn_ingest.file f where f.file_id = r.file_id and f.status = 'done')`); n != "0" {
		t.Errorf("%s rows of files that are not done", n)
	}
	if n := p.count(`select count(*)::text from fn_ingest.file f where status = 'done' and record_count <> (select count(*) from fn_process.readings r where r.file_id = f.file_id) + (select count(*) from fn_process.records r where r.file_id = f.file_id)`); n != "0" {
		t.Errorf("of %s files the ledger does not count what is there", n)
	}
}
