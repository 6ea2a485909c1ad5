package delivery

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/kit/wire"
)

// answer is what came of a call.
type answer struct {
	status int // 0 when there was none
	header http.Header
	body   []byte
	code   string // of a call without an answer
	reason string
	// permanent says of a call without an answer that there will never be one.
	permanent bool
	// sends are messages that begin to exist with the end of the one that was
	// answered.
	sends []queue.New
}

// verdict is what an answer means for a message.
type verdict struct {
	lease.Outcome
	failing bool // it speaks against the function, and not against the message
}

// judge decides by the answer. What may pass is tried again while the policy
// lets it; what cannot is dead at once, with the function's own words as the
// reason. 409 and 425 with Retry-After ask for time and spend no attempt.
func judge(m lease.Message, p Policy, a answer, now time.Time) verdict {
	v := verdict{Outcome: lease.Outcome{Key: m.Key(), Function: m.Function, Group: m.Group}}
	v.Status, v.Code, v.Reason = a.status, a.code, a.reason
	if a.status >= 200 && a.status < 300 {
		v.Verdict, v.Sends = lease.Done, a.sends
		return v
	}
	if a.status != 0 {
		v.Code, v.Reason = words(a.status, a.body)
	}
	if a.permanent {
		v.Verdict = lease.Dead
		return v
	}
	asked, isAsked := retryAfter(a.header.Get("Retry-After"), now)
	switch {
	case (a.status == http.StatusConflict || a.status == http.StatusTooEarly) && isAsked:
		v.Verdict, v.Free, v.Delay = lease.Retry, true, max(asked, p.pause(1))
	case a.status == 0, p.again(a.status),
		a.status == http.StatusNotFound && a.header.Get("X-OpenFaaS-Internal") != "": // no such function yet
		v.failing = true
		if v.Verdict = lease.Dead; !p.spent(m.Attempt, m.Age) {
			v.Verdict, v.Delay = lease.Retry, max(asked, p.pause(m.Attempt))
		}
	default:
		v.Verdict = lease.Dead
	}
	return v
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

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3), at most
// MaxRetryAfter.
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
	return min(d, MaxRetryAfter), true
}
