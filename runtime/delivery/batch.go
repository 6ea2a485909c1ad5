package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"fnstore/connectors/topic"
	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/kit/wire"
)

// headerBatch says how many messages a call carries.
const headerBatch = "X-Fnstore-Batch"

// callBatch makes one attempt at several messages: a POST of an SQS event to the
// function's root. It gives one answer for each message.
func (d *Delivery) callBatch(ctx context.Context, f Function, list []lease.Message) []answer {
	answers := make([]answer, len(list))
	event := sqsEvent{}
	var sent []int // of list
	for i, m := range list {
		body, err := d.body(ctx, m)
		if err != nil {
			answers[i] = answer{code: "body_unavailable", reason: err.Error()}
			continue
		}
		event.Records = append(event.Records, record(m, body))
		sent = append(sent, i)
	}
	if len(sent) == 0 {
		return answers
	}
	body, err := json.Marshal(event)
	if err != nil {
		return fill(answers, sent, answer{code: "bad_request", reason: err.Error(), permanent: true})
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.cfg.Gateway+"/function/"+f.Name+"/", bytes.NewReader(body))
	if err != nil {
		return fill(answers, sent, answer{code: "bad_request", reason: err.Error(), permanent: true})
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(wire.CallID, queue.CallID())
	req.Header.Set(headerBatch, strconv.Itoa(len(sent)))
	whole := d.do(req, list[0].Trusted, body, maxAnswer)
	if whole.status < 200 || whole.status > 299 {
		return fill(answers, sent, alone(whole, len(sent)))
	}
	if topic.Asks(whole.status, whole.header) {
		return fill(answers, sent, d.unpublished(f.Name, list[0], fault.New(fault.BadGateway, "bad_publication", "the answer to a batch is a list of failures and cannot be published; use queue.Send")))
	}
	failed, err := batchFailures(whole.body, event)
	if err != nil {
		return fill(answers, sent, answer{code: "bad_batch_answer", reason: err.Error()})
	}
	for _, i := range sent {
		answers[i] = whole
		if f, ok := failed[list[i].CallID]; ok {
			answers[i] = f.answer()
		}
	}
	return answers
}

func fill(answers []answer, at []int, a answer) []answer {
	for _, i := range at {
		answers[i] = a
	}
	return answers
}

// alone makes a refusal of several messages one that may pass: it is not known
// which of them is at fault. Each is delivered alone the next time.
func alone(a answer, n int) answer {
	if n == 1 || a.status == 0 {
		return a
	}
	code, reason := words(a.status, a.body)
	return answer{code: code, reason: fmt.Sprintf("of %d messages in one call: %s", n, reason), header: a.header}
}

// failure is an item of batchItemFailures. Lambda knows the identifier alone; the
// other members are ours and say what the function would have answered to a call
// with this message only, so that it can refuse one for good, and say why.
type failure struct {
	Status     int    `json:"status"`     // 400 to 599; without it the message is tried again
	Code       string `json:"code"`       // as in a problem (RFC 9457)
	Detail     string `json:"detail"`     // as in a problem
	RetryAfter int    `json:"retryAfter"` // seconds, as the header Retry-After
}

func (f failure) answer() answer {
	a := answer{code: "batch_item_failed", reason: "the function named it in batchItemFailures"}
	if f.Status < 400 || f.Status > 599 {
		return a
	}
	a.status = f.Status
	a.body, _ = json.Marshal(wire.Problem{Code: f.Code, Detail: f.Detail}) // strings: cannot fail
	if f.Code == "" || f.Detail == "" {
		a.body = []byte(f.Detail)
	}
	if f.RetryAfter > 0 {
		a.header = http.Header{"Retry-After": {strconv.Itoa(f.RetryAfter)}}
	}
	return a
}

// batchFailures reads which messages failed, as Lambda does: no answer, null, {}
// and an empty list are a success of all; an answer that is no such JSON, an
// empty id or one that was not sent is a failure of all.
func batchFailures(body []byte, sent sqsEvent) (map[string]failure, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	if len(body) >= maxAnswer {
		return nil, fmt.Errorf("the answer to a batch has %d bytes or more", maxAnswer)
	}
	var a struct {
		Failures []json.RawMessage `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer to a batch is no JSON object with batchItemFailures: %w", err)
	}
	known := make(map[string]bool, len(sent.Records))
	for _, r := range sent.Records {
		known[r.MessageID] = true
	}
	failed := make(map[string]failure, len(a.Failures))
	for _, item := range a.Failures {
		var f struct {
			ID *string `json:"itemIdentifier"`
		}
		if err := json.Unmarshal(item, &f); err != nil || f.ID == nil || !known[*f.ID] {
			return nil, fmt.Errorf("batchItemFailures names a message that was not in the batch")
		}
		var ours failure
		if json.Unmarshal(item, &ours) != nil { // somebody else's members of the same names
			ours = failure{}
		}
		failed[*f.ID] = ours
	}
	return failed, nil
}
