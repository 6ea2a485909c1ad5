package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"fnstore/kit/trace"
	"fnstore/runtime/spans"
	"fnstore/runtime/traceapi"
)

// traceRoutes are what an operator asks of calls.
func (st *store) traceRoutes() traceapi.API {
	return traceapi.API{Ring: &st.spans, DB: st.pool, Logs: st.logs}
}

// exportSpans sends steps to the collector that OpenTelemetry's variables name.
func (st *store) exportSpans() {
	to := spans.Endpoint(os.Getenv)
	if to == "" {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	e := spans.Exporter{URL: to, Headers: spans.Headers(os.Getenv), Version: version}
	run := st.spans.Export(e)
	go func() { run(ctx); close(done) }()
	st.onStop(func(context.Context) { stop(); <-done })
	slog.Info("steps of calls are sent to a collector")
}

// traceObjects makes writes to the object store steps of a journey, which the
// messages of their events go on with.
func traceObjects(next http.Handler, record func(spans.Span)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		s := spans.Span{Kind: spans.Object, Start: time.Now()}
		before, linked := trace.Of(r.Header)
		if s.Context, s.Parent, s.Linked = before.Child(), before.Span, linked; !linked {
			s.Context = trace.New()
		}
		if id := r.Header.Get("X-Amz-Meta-Call-Id"); traceapi.GoodID(id) {
			s.CallID = id
		}
		seen := &statusWriter{ResponseWriter: w}
		defer func() {
			s.Took, s.Status = time.Since(s.Start), seen.status
			record(s)
		}()
		next.ServeHTTP(seen, r.WithContext(trace.With(r.Context(), s.Context)))
	})
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(code int) {
	if w.status == 0 {
		w.status = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type traceCmd struct {
	Call   string `arg:"" optional:"" help:"Call id, from X-Call-Id. Without one, the newest calls are listed."`
	Failed bool   `xor:"which" help:"List those in which a step failed."`
	Slow   bool   `xor:"which" help:"List those that took a second or more, the longest first."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Run shows what happened to a call.
func (cmd traceCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	if cmd.Call == "" {
		return cmd.list(ctx, c, out)
	}
	var t traceapi.Trace
	if err := c.get(ctx, "/system/traces/"+url.PathEscape(cmd.Call), nil, &t); err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(out, t)
	}
	_, err = io.WriteString(out, traceapi.Text(t))
	return err
}

func (cmd traceCmd) list(ctx context.Context, c *client, out io.Writer) error {
	q := url.Values{}
	switch {
	case cmd.Failed:
		q.Set("which", "failed")
	case cmd.Slow:
		q.Set("which", "slow")
	}
	var list []traceapi.Summary
	if err := c.get(ctx, "/system/traces", q, &list); err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(out, list)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-36s  %-8s  %10s  %-20s  %s\n", "CALL", "AT", "TOOK", "FUNCTION", "ENDED")
	for _, t := range list {
		fmt.Fprintf(&b, "%-36s  %-8s  %10s  %-20s  %s\n", t.CallID, t.Start.Local().Format(time.TimeOnly), traceapi.Span(t.Took), cmp.Or(t.Function, string(t.Kind)), ended(t))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func ended(t traceapi.Summary) string {
	words := []string{}
	if t.Status != 0 {
		words = append(words, fmt.Sprint(t.Status))
	}
	if t.Failed {
		words = append(words, "failed")
	}
	if t.Code != "" {
		words = append(words, t.Code)
	}
	return strings.Join(words, " ")
}
