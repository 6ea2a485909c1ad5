package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

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
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", u.Host, r.In.Host // the host is signed
	}}
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
