package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
)

// maxAnswer is how much of an answer is read, in bytes: enough for a problem.
const maxAnswer = 64 << 10

// Pauses before a retry: full jitter between nothing and a bound that doubles.
const (
	firstPause = time.Second
	lastPause  = 5 * time.Minute
)

// deliver makes one attempt and judges it.
func (d *Delivery) deliver(ctx context.Context, m queue.Message) queue.Outcome {
	if !m.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, m.Deadline)
		defer cancel()
	}
	res, err := d.call(ctx, m)
	if err != nil {
		code := "unreachable"
		if errors.Is(err, context.DeadlineExceeded) {
			code = "timeout"
		}
		return later(m, 0, code, err.Error(), 0)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // what could be read is what can be said
	return judge(m, res.StatusCode, res.Header, body, time.Now())
}

func (d *Delivery) call(ctx context.Context, m queue.Message) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, m.Method, d.cfg.Gateway+"/function/"+m.Function+m.Path, bytes.NewReader(m.Body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	for k, v := range m.Headers {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	req.Header.Set(wire.CallID, m.CallID)
	req.Header.Set("User-Agent", "fnstore-delivery")
	req.Header.Set("X-Fnstore-Attempt", strconv.Itoa(m.Attempt))
	req.Header.Del(caller.Header)
	if m.Trusted {
		key, err := d.cfg.EventKey()
		if err != nil {
			return nil, fmt.Errorf("sign the call: %w", err)
		}
		caller.Sign(req.Header, key, m.Method, caller.Target(req.URL), m.Body, time.Now())
	}
	return d.client.Do(req)
}

// judge decides by the answer: what may pass is tried again, what cannot is
// dead at once, with the function's own words as the reason.
func judge(m queue.Message, status int, h http.Header, body []byte, now time.Time) queue.Outcome {
	if status >= 200 && status < 300 {
		return queue.Outcome{Verdict: queue.Done, Status: status}
	}
	code, reason := words(status, body)
	wait, asked := retryAfter(h.Get("Retry-After"), now)
	switch {
	case (status == http.StatusConflict || status == http.StatusTooEarly) && asked:
		return queue.Outcome{Verdict: queue.Retry, Status: status, Code: code, Reason: reason, Delay: wait, Free: true}
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500,
		status == http.StatusNotFound && h.Get("X-OpenFaaS-Internal") != "": // no such function yet
		return later(m, status, code, reason, wait)
	}
	return queue.Outcome{Verdict: queue.Dead, Status: status, Code: code, Reason: reason}
}

// later is a retry, or the end when the attempts are spent.
func later(m queue.Message, status int, code, reason string, atLeast time.Duration) queue.Outcome {
	o := queue.Outcome{Verdict: queue.Retry, Status: status, Code: code, Reason: reason}
	if m.Attempt >= m.MaxAttempts {
		o.Verdict = queue.Dead
		return o
	}
	bound := min(firstPause<<min(m.Attempt-1, 16), lastPause)
	o.Delay = max(rand.N(bound), atLeast)
	return o
}

// words finds what an answer says of itself: an RFC 9457 problem, or the
// beginning of its text.
func words(status int, body []byte) (code, reason string) {
	var p wire.Problem
	if json.Unmarshal(body, &p) == nil && p.Code != "" && p.Detail != "" {
		return p.Code, p.Detail
	}
	code = "status_" + strconv.Itoa(status)
	text := strings.TrimSpace(string(body[:min(len(body), 500)]))
	if text == "" {
		text = fmt.Sprintf("the function answered %d %s", status, http.StatusText(status))
	}
	return code, text
}

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3), at most a day.
func retryAfter(v string, now time.Time) (time.Duration, bool) {
	if v == "" {
		return 0, false
	}
	var d time.Duration
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = max(at.Sub(now), 0)
	} else {
		return 0, false
	}
	return min(d, 24*time.Hour), true
}
