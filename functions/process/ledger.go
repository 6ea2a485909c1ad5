package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/queue"
)

// settleTime bounds the note of a failure, which is made after the call's own time.
const settleTime = 2 * time.Second

// file is a row of ingest's ledger that this process holds a lease of.
type file struct {
	ID          string `db:"file_id"`
	Bucket      string
	Key         string
	ETag        string `db:"etag"`
	ContentType string `db:"content_type"`
	Fence       int64
	Attempts    int
}

// claim takes a lease of a file. It gives nil for one that is done. Only that is
// a reason to do nothing: a failure that somebody noted is none.
func (a *api) claim(ctx context.Context, id string) (*file, error) {
	f, err := pg.One[file](ctx, a.db, `update fn_ingest.file set status = 'processing', fence = fence + 1, lease_until = now() + $2,
			attempts = case when status = 'dead' then 1 else attempts + 1 end, code = null, reason = null, finished_at = null
		where file_id = $1 and (status in ('received', 'failed', 'dead') or status = 'processing' and lease_until <= now())
		returning file_id, bucket, key, etag, content_type, fence, attempts`, id, a.lease)
	if err == nil {
		return &f, nil
	}
	if !errors.Is(err, pg.ErrNoRows) {
		return nil, pg.Fault(err)
	}
	var status string
	var left time.Duration
	err = a.db.QueryRow(ctx, `select status, greatest(coalesce(lease_until - now(), interval '0'), interval '0') from fn_ingest.file where file_id = $1`, id).Scan(&status, &left)
	switch {
	case errors.Is(err, pg.ErrNoRows):
		return nil, fault.New(fault.Unprocessable, "unknown_file", "the ledger has no file %.64q; it may have expired", id)
	case err != nil:
		return nil, pg.Fault(err)
	case status == "done" || status == "replaced":
		return nil, nil
	}
	return nil, fault.New(fault.Conflict, "file_busy", "another process reads the file").After(min(left, a.lease) + time.Second)
}

// errLost ends the work on a file whose lease is another's.
var errLost = fault.New(fault.Unavailable, "lease_lost", "another process took the file over")

// hold renews the lease until stop is called or ctx ends. When it cannot be
// renewed, it ends ctx by cancel.
func (a *api) hold(ctx context.Context, cancel context.CancelCauseFunc, f *file) (stop func()) {
	ctx, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		until := time.Now().Add(a.lease)
		for {
			select {
			case <-time.After(a.lease / 3):
			case <-ctx.Done():
				return
			}
			asked := time.Now()
			tag, err := a.db.Exec(ctx, `update fn_ingest.file set lease_until = now() + $3 where file_id = $1 and fence = $2 and status = 'processing'`, f.ID, f.Fence, a.lease)
			switch {
			case ctx.Err() != nil:
				return
			case err == nil && tag.RowsAffected() == 1:
				until = asked.Add(a.lease)
			case err == nil || time.Now().After(until):
				cancel(errLost)
				return
			}
		}
	}()
	return func() {
		end()
		<-ended
	}
}

// finish notes that a file is done, within the transaction that has its rows, and
// sends word of it. An old fence changes nothing, and so the rows go with it.
func (a *api) finish(ctx context.Context, tx pg.Tx, f *file, r result, took time.Duration) error {
	tag, err := tx.Exec(ctx, `update fn_ingest.file set status = 'done', lease_until = null, target = $3, record_count = $4, reject_count = $5, ignored_fields = $6,
			processing_time_ms = $7, finished_at = now(), expires_at = now() + (expires_at - received_at)
		where file_id = $1 and fence = $2 and status = 'processing'`,
		f.ID, f.Fence, r.table, r.records, r.rejected, r.ignored, took.Milliseconds())
	if err != nil {
		return err
	}
	if tag.RowsAffected() != 1 {
		return errLost
	}
	return a.tell(ctx, tx, f, word{Type: "file_done", Table: r.table, Records: r.records, Rejects: r.rejected})
}

// settle notes what became of a file that is not done: replaced when its key
// holds another content by now, failed when it may succeed later, else dead. The
// error that it gives is the message's answer.
func (a *api) settle(ctx context.Context, f *file, r result, took time.Duration, why error, log *slog.Logger) error {
	why = pg.Fault(why)
	p := fault.Of(why)
	status, reason := "dead", p.Detail
	switch {
	case p.Code == "object_changed":
		status, why = "replaced", nil
	case p.Code == errLost.Code:
		log.Warn("file taken over by another process")
		lost := *errLost
		lost.Kind = fault.Conflict // asks for time, and spends no attempt
		return lost.After(time.Second)
	case p.Kind.Retriable() && f.Attempts < a.attempts:
		status = "failed"
	case p.Kind.Retriable():
		reason = fmt.Sprintf("%s, at each of %d attempts", p.Detail, f.Attempts)
		last := *p // the same words, and not again
		last.Kind, last.Detail = fault.Unprocessable, reason
		why = &last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	err := a.db.Do(ctx, func(tx pg.Tx) error {
		tag, err := tx.Exec(ctx, `update fn_ingest.file set status = $3, lease_until = null, target = nullif($4, ''), record_count = null, reject_count = $5, ignored_fields = null,
				processing_time_ms = $6, code = $7, reason = $8, finished_at = now(), expires_at = now() + (expires_at - received_at)
			where file_id = $1 and fence = $2 and status = 'processing'`,
			f.ID, f.Fence, status, r.table, r.rejected, took.Milliseconds(), p.Code, reason)
		if err != nil || tag.RowsAffected() != 1 {
			return err // another one has the file now
		}
		if err := a.reject(ctx, tx, f, r.bad); err != nil || status != "dead" {
			return err
		}
		return a.tell(ctx, tx, f, word{Type: "file_dead", Table: r.table, Rejects: r.rejected, Code: p.Code, Reason: reason})
	})
	if err != nil { // the lease ends, and the message comes again
		log.Warn("what became of the file is not in the ledger", "cause", err.Error())
	}
	a.metrics.failed(status)
	cause := ""
	if p.Cause != nil {
		cause = p.Cause.Error()
	}
	log.Warn("file not done", "status", status, "code", p.Code, "reason", reason, "cause", cause)
	return why
}

// word is what the world hears of a file.
type word struct {
	Type    string `json:"type"` // file_done or file_dead
	FileID  string `json:"file_id"`
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Table   string `json:"table,omitempty"`
	Records int64  `json:"record_count"`
	Rejects int64  `json:"reject_count"`
	Code    string `json:"code,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

func (a *api) tell(ctx context.Context, tx pg.Tx, f *file, w word) error {
	if a.target == "" {
		return nil
	}
	w.FileID, w.Bucket, w.Key = f.ID, f.Bucket, f.Key
	body, err := json.Marshal(w)
	if err != nil {
		return err
	}
	attributes, err := json.Marshal(map[string]string{"type": w.Type, "table": w.Table})
	if err != nil {
		return err
	}
	_, err = queue.Send(ctx, tx, queue.Outgoing{Target: a.target, Body: body,
		Headers: map[string][]string{"Content-Type": {"application/json"}, "X-Fnstore-Attributes": {string(attributes)}}})
	if err != nil && fault.Of(err).Kind == fault.Forbidden {
		return fault.New(fault.Unavailable, "not_allowed_to_send", "%s cannot be told of the file", a.target).Because(err)
	}
	return err
}
