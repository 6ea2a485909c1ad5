package spans

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"fnstore/kit/trace"
)

// A collector gets the steps in OTLP's JSON, with the attributes of the list alone.
//
// Seed: B22
func TestExport_ToACollector(t *testing.T) {
	got := make(chan []byte, 8)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Token") != "a b" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		b, _ := io.ReadAll(r.Body)
		got <- b
	}))
	defer srv.Close()
	env := func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": srv.URL + "/", "OTEL_EXPORTER_OTLP_HEADERS": "x-token=a%20b"}[name]
	}
	var r Ring
	run := r.Export(Exporter{URL: Endpoint(env), Headers: Headers(env), Version: "1"})
	s := Span{Context: trace.New(), Parent: trace.NewSpan(), Kind: Attempt, CallID: "c-1", Function: "hello", Start: time.Now(), Took: time.Second,
		Status: 500, Code: "broken", Attempt: 2, Delivery: 2, Verdict: "retry", Source: "object"}
	r.Record(s)
	unsampled := s
	unsampled.Flags = 0
	r.Record(unsampled)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	run(ctx) // sends what is there and ends
	var body struct {
		ResourceSpans []struct {
			ScopeSpans []struct{ Spans []otlpSpan }
		}
	}
	if err := json.Unmarshal(<-got, &body); err != nil {
		t.Fatal(err)
	}
	list := body.ResourceSpans[0].ScopeSpans[0].Spans
	if len(list) != 1 || list[0].TraceID != s.Trace.String() || list[0].SpanID != s.Span.String() || list[0].ParentSpanID != s.Parent.String() ||
		list[0].Name != "attempt hello" || list[0].Status.Code != 2 {
		t.Fatalf("%+v", list)
	}
	var keys []string
	for _, a := range list[0].Attributes {
		keys = append(keys, a.Key)
	}
	want := "faas.invoked_name fnstore.call_id http.response.status_code error.type fnstore.attempt fnstore.verdict fnstore.source"
	if slices.Sort(keys); strings.Join(keys, " ") != sortedWords(want) {
		t.Errorf("%v", keys)
	}
}

func sortedWords(s string) string {
	words := strings.Fields(s)
	slices.Sort(words)
	return strings.Join(words, " ")
}
