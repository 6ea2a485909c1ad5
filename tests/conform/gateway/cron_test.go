package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/connectors/cron"
	"fnstore/connectors/hook"
	"fnstore/kit/queue"
	"fnstore/runtime/gateway"
)

// scheduled is a provider whose echo has the annotations of OpenFaaS' cron-connector.
type scheduled struct{ *provider }

var annotations = map[string]string{"topic": "cron-function", "schedule": "*/5 * * * MON-FRI"}

func (scheduled) List(context.Context) ([]types.FunctionStatus, error) {
	return []types.FunctionStatus{
		{Name: "echo", Namespace: gateway.Namespace, Annotations: &annotations},
		{Name: "other", Namespace: gateway.Namespace, Annotations: &map[string]string{"topic": "orders"}},
	}, nil
}

// cronConnector asks what OpenFaaS' cron-connector asks (0.7.0, with connector-sdk
// 0.6.7): who there is, in every namespace, with the operator's password; then a
// POST without a body, a type and a password for a tick of each that has its topic.
// It returns whom it called, and the statuses.
func cronConnector(t *testing.T, base, password, calls string) (called []string, statuses []int) {
	t.Helper()
	do := func(method, url string, system bool, header http.Header) (int, []byte) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		if system {
			req.SetBasicAuth("admin", password)
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
		return res.StatusCode, b
	}
	var namespaces []string
	code, b := do("GET", base+"/system/namespaces", true, http.Header{})
	if code != http.StatusOK {
		return nil, []int{code}
	}
	if err := json.Unmarshal(b, &namespaces); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	for _, ns := range namespaces {
		var functions []types.FunctionStatus
		if _, b = do("GET", base+"/system/functions?namespace="+ns, true, http.Header{}); json.Unmarshal(b, &functions) != nil {
			t.Fatalf("%s", b)
		}
		for _, f := range functions {
			if f.Annotations == nil || (*f.Annotations)["topic"] != "cron-function" || (*f.Annotations)["schedule"] == "" {
				continue
			}
			name := f.Name + "." + f.Namespace
			code, _ := do("POST", base+calls+name, false, http.Header{"X-Topic": {"cron-function"}, "X-Connector": {"cron-connector"}})
			called, statuses = append(called, name), append(statuses, code)
		}
	}
	return called, statuses
}

// OpenFaaS' cron-connector works beside our gateway, and a function cannot tell its
// call from one of the store's own connector, which reads the same annotations.
func TestCronConnector_WorksAsBefore(t *testing.T) {
	got := make(chan *http.Request, 1)
	f, to := function(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if len(b) > 0 {
			t.Errorf("a body: %q", b)
		}
		got <- r
	})
	t.Cleanup(f.Close)
	var queued []queue.New
	g := gateway.New(gateway.Config{
		Provider: scheduled{&provider{new(rig), map[string]http.RoundTripper{"echo": to}}}, User: "admin", Password: "correct horse",
		Enqueue: func(_ context.Context, n queue.New) (queue.Accepted, error) {
			queued = append(queued, n)
			return queue.Accepted{CallID: n.CallID}, nil
		},
	})
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)

	if called, codes := cronConnector(t, srv.URL, "wrong", "/function/"); len(called) != 0 || codes[0] != http.StatusUnauthorized {
		t.Errorf("with another password: %v %v", called, codes)
	}
	called, codes := cronConnector(t, srv.URL, "correct horse", "/function/")
	if !slices.Equal(called, []string{"echo.openfaas-fn"}) || codes[0] != http.StatusOK {
		t.Fatalf("%v %v", called, codes)
	}
	r := <-got
	if r.Method != "POST" || r.RequestURI != "/" || r.Header["X-Topic"][0] != "cron-function" || r.Header["X-Connector"][0] != "cron-connector" ||
		r.Header["Content-Type"] != nil || r.Header["Authorization"] != nil {
		t.Errorf("the function sees %s %s %v", r.Method, r.RequestURI, r.Header)
	}
	if _, codes := cronConnector(t, srv.URL, "correct horse", "/async-function/"); codes[0] != http.StatusAccepted || len(queued) != 1 {
		t.Fatalf("async: %v, %d queued", codes, len(queued))
	}
	entries, err := cron.Entries(hook.Function{Name: "echo", Annotations: annotations})
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	friday := time.Date(2026, 12, 4, 23, 57, 0, 0, time.UTC)
	if next := entries[0].Schedule.Next(friday); next != time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC) {
		t.Errorf("the tick after %s is %s", friday, next)
	}
	for name, n := range map[string]queue.New{"theirs, queued": queued[0], "ours": entries[0].Message(friday)} {
		if n.Function != "echo" || n.Method != "" && n.Method != "POST" || n.Path != "" && n.Path != "/" || len(n.Body) != 0 ||
			!slices.Equal(n.Headers["X-Topic"], []string{"cron-function"}) || !slices.Equal(n.Headers["X-Connector"], []string{"cron-connector"}) || n.Headers["Content-Type"] != nil {
			t.Errorf("%s: %+v", name, n)
		}
	}
}
