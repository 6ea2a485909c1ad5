package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"fnstore/connectors/topic"
	"fnstore/kit/caller"
	"fnstore/kit/queue/lease"
	"fnstore/kit/trace"
	"fnstore/kit/wire"
)

// maxAnswer is how much of an answer is read, in bytes: enough for a problem,
// and for the failures of a batch.
const maxAnswer = 64 << 10

// callOne makes one attempt at a message.
func (d *Delivery) callOne(ctx context.Context, m lease.Message) answer {
	body, err := d.body(ctx, m)
	if err != nil {
		return answer{code: "body_unavailable", reason: err.Error()}
	}
	req, err := http.NewRequestWithContext(ctx, m.Method, d.cfg.Gateway+"/function/"+m.Function+m.Path, bytes.NewReader(body))
	if err != nil {
		return answer{code: "bad_request", reason: fmt.Sprintf("make the request: %v", err), permanent: true}
	}
	for k, v := range m.Headers {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	if _, ok := trace.Of(req.Header); !ok {
		req.Header.Del(trace.HeaderState) // it belonged to a context that was not good
	}
	req.Header.Set(wire.CallID, m.CallID)
	req.Header.Set("X-Fnstore-Attempt", strconv.Itoa(m.Attempt))
	return d.do(req, m.Trusted, body, keep(m))
}

// body gives the message's body from wherever it is.
func (d *Delivery) body(ctx context.Context, m lease.Message) ([]byte, error) {
	if m.BodyRef == "" {
		return m.Body, nil
	}
	if d.cfg.Bodies == nil {
		return nil, errors.New("the body lies in an object store, and this worker has none")
	}
	body, err := d.cfg.Bodies.Get(ctx, m.BodyRef)
	if err != nil {
		return nil, fmt.Errorf("read the body %s: %w", m.BodyRef, err)
	}
	return body, nil
}

// do sends a request, signed if the store itself speaks, and reads limit bytes
// of the answer.
func (d *Delivery) do(req *http.Request, trusted bool, body []byte, limit int64) answer {
	req.Header.Set("User-Agent", "fnstore-delivery")
	req.Header.Del(caller.Header)
	key, err := d.cfg.EventKey()
	if err != nil {
		return answer{code: "unreachable", reason: fmt.Sprintf("sign the call: %v", err)}
	}
	caller.MarkDelivery(req.Header, key)
	if step, ok := trace.From(req.Context()); ok {
		req.Header[trace.Header] = []string{step.String()}
	}
	if trusted {
		caller.Sign(req.Header, key, req.Method, caller.Target(req.URL), body, time.Now())
	}
	res, err := d.client.Do(req)
	if err != nil {
		code := "unreachable"
		if errors.Is(err, context.DeadlineExceeded) {
			code = "timeout"
		}
		return answer{code: code, reason: err.Error()}
	}
	defer res.Body.Close()
	if topic.Asks(res.StatusCode, res.Header) {
		limit = max(limit, topic.MaxAnswer+1)
	}
	return read(res, limit)
}
