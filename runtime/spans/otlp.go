package spans

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of what is sent to a collector.
const (
	exportEvery   = 2 * time.Second
	exportBatch   = 512
	exportBacklog = 4096 // steps that wait; later ones are lost
	exportTimeout = 10 * time.Second
)

// Exporter sends steps to an OpenTelemetry collector: OTLP/HTTP in its JSON
// encoding (OTLP 1.x, https://opentelemetry.io/docs/specs/otlp/#otlphttp).
type Exporter struct {
	URL     string // of the traces, such as http://127.0.0.1:4318/v1/traces
	Headers http.Header
	Version string
	Client  *http.Client // nil means one with a time limit
}

// Endpoint reads OpenTelemetry's variables: where traces are sent, "" for nowhere.
func Endpoint(getenv func(string) string) string {
	if to := getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); to != "" {
		return to
	}
	if to := getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); to != "" {
		return strings.TrimRight(to, "/") + "/v1/traces"
	}
	return ""
}

// Headers reads OTEL_EXPORTER_OTLP_HEADERS: name=value pairs with commas between
// them, values percent-encoded.
func Headers(getenv func(string) string) http.Header {
	h := http.Header{}
	for pair := range strings.SplitSeq(getenv("OTEL_EXPORTER_OTLP_HEADERS"), ",") {
		name, value, ok := strings.Cut(pair, "=")
		if plain, err := url.PathUnescape(strings.TrimSpace(value)); ok && err == nil {
			h.Set(strings.TrimSpace(name), plain)
		}
	}
	return h
}

// Export has what is recorded from now on sent by e, while the function that it
// returns runs. Call it before anything is recorded.
func (r *Ring) Export(e Exporter) func(context.Context) {
	r.out = make(chan Span, exportBacklog)
	if e.Client == nil {
		e.Client = &http.Client{Timeout: exportTimeout}
	}
	return func(ctx context.Context) { e.run(ctx, r.out) }
}

func (e Exporter) run(ctx context.Context, in <-chan Span) {
	tick := time.NewTicker(exportEvery)
	defer tick.Stop()
	var batch []Span
	failing := false
	flush := func() {
		if len(batch) == 0 {
			return
		}
		err := e.send(batch)
		if err != nil && !failing { // once, not every two seconds
			slog.Warn("the collector takes no traces", "cause", err)
		}
		failing, batch = err != nil, batch[:0]
	}
	for {
		select {
		case s := <-in:
			if batch = append(batch, s.Parts()...); len(batch) >= exportBatch {
				flush()
			}
		case <-tick.C:
			flush()
		case <-ctx.Done():
			for len(in) > 0 {
				batch = append(batch, (<-in).Parts()...)
			}
			flush()
			return
		}
	}
}

func (e Exporter) send(batch []Span) error {
	body, err := json.Marshal(e.request(batch))
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range e.Headers {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "fnstore/"+e.Version)
	res, err := e.Client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if res.StatusCode >= 300 {
		return fmt.Errorf("it answers %s", res.Status)
	}
	return nil
}

// The shapes of ExportTraceServiceRequest in JSON: ids are hexadecimal, times are
// strings of nanoseconds.
type (
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String string `json:"stringValue,omitempty"`
		Int    string `json:"intValue,omitempty"`
	}
	otlpSpan struct {
		TraceID      string      `json:"traceId"`
		SpanID       string      `json:"spanId"`
		ParentSpanID string      `json:"parentSpanId,omitempty"`
		Name         string      `json:"name"`
		Kind         int         `json:"kind"`
		Start        string      `json:"startTimeUnixNano"`
		End          string      `json:"endTimeUnixNano"`
		Attributes   []attribute `json:"attributes"`
		Status       struct {
			Code int `json:"code,omitempty"` // 2 is an error
		} `json:"status"`
	}
)

// otlpKinds are SpanKind's numbers: internal 1, server 2, client 3, producer 4,
// consumer 5.
var otlpKinds = map[Kind]int{Call: 2, Accept: 4, Publish: 4, Object: 2, Message: 5, Attempt: 3}

func (e Exporter) request(batch []Span) any {
	list := make([]otlpSpan, len(batch))
	for i, s := range batch {
		o := otlpSpan{
			TraceID: s.Trace.String(), SpanID: s.Span.String(), Name: strings.TrimSpace(string(s.Kind) + " " + s.Function), Kind: max(otlpKinds[s.Kind], 1),
			Start: nanoseconds(s.Start), End: nanoseconds(s.Start.Add(s.Took)), Attributes: attributes(s),
		}
		if s.Parent != [8]byte{} {
			o.ParentSpanID = s.Parent.String()
		}
		if s.Failed() {
			o.Status.Code = 2
		}
		list[i] = o
	}
	resource := []attribute{{"service.name", value{String: "fnstore"}}, {"service.version", value{String: e.Version}}}
	scope := map[string]any{"scope": map[string]string{"name": "fnstore"}, "spans": list}
	return map[string]any{"resourceSpans": []any{map[string]any{"resource": map[string]any{"attributes": resource}, "scopeSpans": []any{scope}}}}
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// attributes are the list of those that leave the store. There are no others.
func attributes(s Span) []attribute {
	list := []attribute{}
	text := func(key, v string) {
		if v != "" {
			list = append(list, attribute{key, value{String: v}})
		}
	}
	number := func(key string, n int) {
		if n != 0 {
			list = append(list, attribute{key, value{Int: strconv.Itoa(n)}})
		}
	}
	text("faas.invoked_name", s.Function)
	text("fnstore.call_id", s.CallID)
	number("http.response.status_code", s.Status)
	text("error.type", s.Code)
	number("fnstore.attempt", s.Attempt)
	text("fnstore.verdict", s.Verdict)
	text("fnstore.source", s.Source)
	return list
}
