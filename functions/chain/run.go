package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/invoke"
	"fnstore/kit/wire"
)

// handed are headers of the caller that each step gets, too.
var handed = []string{"Traceparent", "Tracestate"}

// run calls the steps, one after the other. What one answers is what the next
// one gets; the first that fails ends the chain.
func (a *api) run(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	ctx, cancel := budget(r.Context())
	defer cancel()
	call := invoke.Call{CallID: r.Header.Get(wire.CallID), Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
	if t := r.Header.Get("Content-Type"); t != "" {
		call.Header.Set("Content-Type", t)
	}
	for _, name := range handed {
		if values := r.Header.Values(name); len(values) > 0 {
			call.Header[name] = values
		}
	}
	completed := []string{}
	var last answer
	for _, s := range a.steps {
		began := a.now()
		tries := 0
		err := a.policy.Do(ctx, func(n int) error {
			tries = n
			var err error
			last, err = a.call(ctx, s, call)
			return err
		})
		log := slog.With("step", s.name, "function", s.function, "tries", tries, "ms", a.now().Sub(began).Milliseconds(), "call_id", call.CallID)
		if err != nil {
			log.Warn("the chain ends at a step", "code", fault.Of(err).Code, "cause", err.Error())
			return a.handOver(w, failure{err: err, step: s, tries: tries, completed: completed, callID: call.CallID})
		}
		log.Info("step")
		completed = append(completed, s.name)
		call.Body = last.body
		call.Header.Set("Content-Type", last.contentType)
	}
	w.Header().Set("Content-Type", last.contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(last.status)
	_, _ = w.Write(last.body) // the caller may be gone
	return nil
}

// budget is the caller's own time without what the answer needs, or the default.
func budget(ctx context.Context) (context.Context, context.CancelFunc) {
	until, ok := ctx.Deadline()
	if !ok {
		return context.WithTimeout(ctx, DefaultBudget)
	}
	return context.WithDeadline(ctx, until.Add(-answerReserve))
}

// answer is what a step has said.
type answer struct {
	status      int
	contentType string
	body        []byte
}

// stepError is what a step says of its failure.
type stepError struct {
	status       int
	code, detail string
}

func (e *stepError) Error() string { return strconv.Itoa(e.status) + " " + e.code + " " + e.detail }

// call makes one try. Whatever is not a 2xx is a failure, and never the next
// step's input.
func (a *api) call(ctx context.Context, s step, call invoke.Call) (got answer, err error) {
	call.Function, call.Query = s.function, s.query
	res, err := a.client.Do(ctx, call)
	if err != nil {
		return got, err
	}
	defer res.Body.Close()
	got = answer{status: res.StatusCode, contentType: res.Header.Get("Content-Type")}
	if got.body, err = io.ReadAll(io.LimitReader(res.Body, maxBody+1)); err != nil {
		if ctx.Err() != nil {
			return got, fault.New(fault.Timeout, "chain_deadline", "the time of the chain was over in %s", s.name).Because(err)
		}
		return got, fault.New(fault.BadGateway, "step_unavailable", "the answer of %s broke off", s.name).Because(err)
	}
	if len(got.body) > maxBody {
		return got, fault.New(fault.TooLarge, "answer_too_large", "%s answered more than %d bytes: let it store them and answer where", s.name, maxBody)
	}
	if got.status >= 200 && got.status < 300 {
		return got, nil
	}
	said := reason(got)
	if passing(res) {
		return got, fault.New(fault.BadGateway, "step_unavailable", "%s failed: %d %s", s.name, said.status, said.code).Because(said).After(retryAfter(res.Header))
	}
	return got, fault.New(fault.Unprocessable, "step_failed", "%s refused: %d %s", s.name, said.status, said.code).Because(said)
}

// passing tells whether the same call may succeed later, as the queue does: a
// function that the gateway does not have may be deployed in a moment.
func passing(res *http.Response) bool {
	switch code := res.StatusCode; code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusConflict:
		return res.Header.Get("Retry-After") != ""
	case http.StatusNotFound:
		return res.Header.Get("X-OpenFaaS-Internal") != ""
	default:
		return code >= 500
	}
}

func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, time.Hour)
}

// reason reads a problem (RFC 9457), or what else there is.
func reason(a answer) *stepError {
	e := &stepError{status: a.status, code: "status_" + strconv.Itoa(a.status)}
	var p wire.Problem
	if json.Unmarshal(a.body, &p) == nil {
		if p.Code != "" {
			e.code = short(p.Code, 100)
		}
		e.detail = short(p.Detail, 1000)
	}
	return e
}

func short(s string, most int) string { return string([]rune(s)[:min(len([]rune(s)), most)]) }

// failure is how a chain ended at a step.
type failure struct {
	err       error
	step      step
	tries     int
	completed []string
	callID    string
}

// handOver answers with the problem of the chain, and in it what the step said:
// which one, how often it was tried, its status, code and detail, and what was
// done before.
func (a *api) handOver(w http.ResponseWriter, f failure) error {
	chain := fault.Of(f.err)
	if chain.Code == "call_timeout" {
		chain = fault.New(fault.Timeout, "chain_deadline", "the time of the chain was over in %s", f.step.name).Because(f.err)
	}
	p := struct {
		wire.Problem
		Step       string   `json:"step"`
		Function   string   `json:"function"`
		Tries      int      `json:"tries"`
		Completed  []string `json:"completed"`
		StepStatus int      `json:"step_status,omitempty"`
		StepCode   string   `json:"step_code,omitempty"`
		StepDetail string   `json:"step_detail,omitempty"`
	}{
		Problem: wire.Problem{Type: "about:blank", Title: http.StatusText(chain.Kind.Status()), Status: chain.Kind.Status(), Detail: chain.Detail, Code: chain.Code, CallID: f.callID},
		Step:    f.step.name, Function: f.step.function, Tries: f.tries, Completed: f.completed,
	}
	var said *stepError
	if errors.As(f.err, &said) {
		p.StepStatus, p.StepCode, p.StepDetail = said.status, said.code, said.detail
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(p); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	if chain.Kind.Retriable() {
		h.Set("Retry-After", strconv.Itoa(max(1, int(chain.Wait/time.Second))))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(b.Bytes()) // the caller may be gone
	return nil
}
