package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/queue/lease"
)

// maxTold is how long an answer may be that a callback carries, in bytes.
const maxTold = 1 << 20

// keep returns how much of the answer to a message is read, in bytes.
func keep(m lease.Message) int64 {
	if m.Callback != "" {
		return maxTold + 1
	}
	return maxAnswer
}

// remember keeps what the callers of messages are told, until it is written. The
// answer to a batch is nobody's in particular.
func remember(f Function, list []*attempt, answers []answer, took time.Duration) {
	for i, a := range list {
		if a.Callback == "" {
			continue
		}
		a.answer = &lease.Answer{Callback: a.Callback, CallID: a.CallID, Trace: a.step, Took: took}
		if f.batch() == 1 {
			a.answer.Header, a.answer.Body = answers[i].header, answers[i].body
			if len(a.answer.Body) > maxTold { // better none than half of one
				a.answer.Body, a.answer.TooLong = nil, true
			}
		}
	}
}

// callElsewhere makes an attempt at a message whose function is not behind the
// gateway.
func (d *Delivery) callElsewhere(ctx context.Context, f Function, m lease.Message) answer {
	body, err := d.body(ctx, m)
	if err != nil {
		return answer{code: "body_unavailable", reason: err.Error()}
	}
	res, err := f.Call(ctx, m, body)
	var refused *fault.Error
	switch {
	case errors.As(err, &refused) && !refused.Kind.Retriable():
		return answer{code: refused.Code, reason: refused.Detail, permanent: true}
	case errors.Is(err, context.DeadlineExceeded):
		return answer{code: "timeout", reason: err.Error()}
	case err != nil:
		return answer{code: "unreachable", reason: err.Error()}
	}
	defer res.Body.Close()
	return read(res, maxAnswer)
}

// read takes the answer's beginning, limit bytes at most.
func read(res *http.Response, limit int64) answer {
	text, err := io.ReadAll(io.LimitReader(res.Body, limit))
	if err != nil && res.StatusCode < 300 { // it was cut off: what it would have said is not known
		return answer{code: "unreachable", reason: fmt.Sprintf("read the answer: %v", err)}
	}
	return answer{status: res.StatusCode, header: res.Header, body: text}
}
