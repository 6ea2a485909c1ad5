package function

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"sync"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// Time of a call that is left: for the ledger when a file fails, and below which
// no file is begun.
const (
	reserve  = 3 * time.Second
	tooShort = 5 * time.Second
)

// maxMessages bounds a batch; the event plane sends 10.
const maxMessages = 100

// event is an SQS event, as far as it is read.
type event struct {
	Records []struct {
		MessageID string `json:"messageId"`
		Body      string `json:"body"`
	}
}

// failure is an item of batchItemFailures: what a call with this message alone
// would have been answered (docs/messages.md).
type failure struct {
	ID         string `json:"itemIdentifier"`
	Status     int    `json:"status"`
	Code       string `json:"code"`
	Detail     string `json:"detail"`
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
}

// batch does each message of a batch, some at once. What becomes of one says
// nothing of the others.
func (a *api) batch(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return fault.New(fault.Invalid, "bad_batch", "the body is not an SQS event: %s", err)
	}
	if len(e.Records) == 0 || len(e.Records) > maxMessages {
		return fault.New(fault.Invalid, "bad_batch", "a batch has 1 to %d Records", maxMessages)
	}
	ids := map[string]bool{}
	for i, m := range e.Records {
		if m.MessageID == "" || ids[m.MessageID] {
			return fault.New(fault.Invalid, "bad_batch", "record %d has no messageId of its own", i)
		}
		ids[m.MessageID] = true
	}
	ctx := r.Context()
	if until, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until.Add(-reserve))
		defer cancel()
	}
	errs := make([]error, len(e.Records))
	var all sync.WaitGroup
	for i, m := range e.Records {
		all.Go(func() { errs[i] = a.message(ctx, m.MessageID, m.Body) })
	}
	all.Wait()
	failures := []failure{}
	for i, err := range errs {
		if err != nil {
			failures = append(failures, failed(e.Records[i].MessageID, err))
		}
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"batchItemFailures": failures})
}

func failed(id string, err error) failure {
	f := fault.Of(err)
	item := failure{ID: id, Status: f.Kind.Status(), Code: f.Code, Detail: f.Detail}
	if f.Wait > 0 {
		item.RetryAfter = int(math.Ceil(f.Wait.Seconds()))
	}
	return item
}

// message does one message when it is its turn. A nil error means that the file
// is done, now or before.
func (a *api) message(ctx context.Context, id, body string) (err error) {
	var m struct {
		FileID string `json:"file_id"`
	}
	if err := json.Unmarshal([]byte(body), &m); err != nil || m.FileID == "" || !kept(m.FileID) {
		return fault.New(fault.Invalid, "bad_message", "the message does not name a file: it is no JSON object with file_id")
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return noTime()
	}
	if until, ok := ctx.Deadline(); ok && time.Until(until) < tooShort {
		return noTime()
	}
	began := time.Now()
	f, err := a.claim(ctx, m.FileID)
	if err != nil || f == nil {
		if err == nil {
			slog.Info("file is done already", "file_id", m.FileID, "call_id", id)
		}
		return err
	}
	var done result
	if f.Attempts > a.attempts { // nobody noted how the earlier ones ended
		err = fault.New(fault.Unprocessable, "never_ended", "the file was begun %d times, and each time the process ended before it did", a.attempts)
	} else {
		done, err = a.load(ctx, f)
	}
	took := time.Since(began)
	log := slog.With("file_id", f.ID, "bucket", f.Bucket, "key", f.Key, "attempt", f.Attempts, "call_id", id, "ms", took.Milliseconds())
	if err == nil {
		a.metrics.done(done, took)
		log.Info("file done", "table", done.table, "records", done.records, "rejects", done.rejected, "ignored", done.ignored)
		return nil
	}
	return a.settle(ctx, f, done, took, err, log)
}

// noTime asks for another call, and spends no attempt.
func noTime() error {
	return fault.New(fault.Conflict, "no_time_left", "other files took the time of the call").After(time.Second)
}
