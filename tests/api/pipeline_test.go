package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fnstore/connectors/hook"
	"fnstore/runtime/stackfile"
)

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

// The stack file says what the pipeline needs, in words that the store reads, and
// the memory and time of the seed.
// Seed: R40, R45
func TestPipeline_Stack(t *testing.T) {
	f, err := stackfile.Parse("../../stack.yml", func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	in, out := f.Function("ingest"), f.Function("process")
	w, err := hook.WatcherOf(hook.Function{Name: "ingest", Annotations: in.Annotations})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"incoming/a.csv": true, "incoming/a/b.csv": true, "incoming": false, "done/a.csv": false} {
		if w.Wants(hook.Object{Event: "ObjectCreated:Put", Bucket: "data", Key: key}) != want {
			t.Errorf("%s is watched: %t", key, !want)
		}
	}
	if out.Annotations["fnstore.batch.size"] != "10" || out.Environment["exec_timeout"] != "300s" || out.Annotations["fnstore.s3.read"] != "data/incoming/" {
		t.Errorf("%+v", out)
	}
}

// A row of the ledger and a reject go when their time is over, and no earlier;
// one that is being worked on stays.
// Seed: R43, B48
func TestPipeline_Expiry(t *testing.T) {
	p := newPipeline(t).open()
	for _, name := range []string{"a", "b", "c"} {
		p.drop("readings/"+name+".csv", "text/csv", []byte(readings+"S,never,1\n"))
	}
	p.deliver()
	if n := p.count(`select count(*)::text from fn_ingest.file where status = 'done' and expires_at between now() + interval '29 days' and now() + interval '31 days'`); n != "3" {
		t.Errorf("%s files expire in 30 days", n)
	}
	if n := p.count(`select fn_ingest.sweep_file(10)::text`) + p.count(`select fn_process.sweep_reject(10)::text`); n != "00" {
		t.Errorf("%s rows went too early", n)
	}
	p.exec(`update fn_ingest.file set expires_at = now(); update fn_process.reject set expires_at = now();
		update fn_ingest.file set status = 'processing', lease_until = now() + interval '1 minute' where key like '%/c.csv'`)
	for _, want := range []string{"1", "1", "0"} {
		if n := p.count(`select fn_ingest.sweep_file(1)::text`); n != want {
			t.Errorf("%s rows went, want %s", n, want)
		}
	}
	if n := p.count(`select fn_process.sweep_reject(10)::text`); n != "3" {
		t.Errorf("%s rejects went", n)
	}
}
