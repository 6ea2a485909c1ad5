// Package minio turns what happens in an S3 store that is not ours into
// messages: MinIO's webhooks tell of it at once, and a listing finds what they
// missed. It does not know what the objects are for.
package minio

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/connectors/hook"
	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// SourceName is the source of what notifications tell of.
const SourceName = "minio"

// answerWithin bounds how long a store waits for its answer.
const answerWithin = 20 * time.Second

// Intake takes webhooks. It is an http.Handler and a hook.Source: a request is
// answered with 200 after the messages of its events are committed. Make one
// with NewIntake.
type Intake struct {
	store    *Store
	token    func() (string, error)
	watchers func() []hook.Watcher

	pending chan *request
	counts  struct{ refused, gone atomic.Uint64 }
}

// request is a notification that waits for its messages.
type request struct {
	ctx     context.Context
	objects []object
	done    chan error // one value, buffered
}

// NewIntake takes notifications of a store from whoever knows the token, which
// is asked for at each request, so that a rotated one counts at once.
func NewIntake(store *Store, token func() (string, error), watchers func() []hook.Watcher) *Intake {
	return &Intake{store: store, token: token, watchers: watchers, pending: make(chan *request)}
}

// Name implements hook.Source.
func (*Intake) Name() string { return SourceName }

// Connect implements hook.Source.
func (*Intake) Connect(context.Context) error { return nil }

// Close implements hook.Source.
func (*Intake) Close() error { return nil }

// Refused and Gone count notifications that proved nothing and events of
// objects that were not there.
func (in *Intake) Refused() uint64 { return in.counts.refused.Load() }

// Gone: see Refused.
func (in *Intake) Gone() uint64 { return in.counts.gone.Load() }

// Read waits for the next notification.
func (in *Intake) Read(ctx context.Context) (hook.Event, func(error), error) {
	for {
		select {
		case r := <-in.pending:
			if r.ctx.Err() != nil {
				continue // nobody waits for it any more, so it comes again
			}
			ev := hook.Event{Fill: func(ctx context.Context, tx pgx.Tx) (to string, written int, err error) {
				for _, w := range in.watchers() {
					n, err := record(ctx, tx, w, r.objects)
					if written += n; err != nil {
						return "", 0, err
					}
				}
				return "", written, nil
			}}
			return ev, func(err error) { r.done <- err }, nil
		case <-ctx.Done():
			return hook.Event{}, nil, ctx.Err()
		}
	}
}

// ServeHTTP takes one notification. GET and HEAD are a store's look whether
// somebody is there.
func (in *Intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return
	}
	if err := in.take(w, r); err != nil {
		wire.Fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (in *Intake) take(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, HEAD, POST")
		return fault.New(fault.NotAllowed, "method_not_allowed", "notifications are sent with POST")
	}
	if err := in.authorize(r); err != nil {
		in.counts.refused.Add(1)
		return err
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return fault.New(fault.TooLarge, "notification_too_large", "a notification has at most %d bytes", maxBody)
	}
	notices, err := parse(text)
	if err != nil {
		in.counts.refused.Add(1)
		return fault.New(fault.Invalid, "bad_notification", "%v", err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	objects, err := in.look(ctx, notices)
	if err != nil {
		return fault.New(fault.Unavailable, "s3_unavailable", "the object store does not say what happened; send it again").Because(err)
	}
	if len(objects) == 0 {
		return nil
	}
	late := fault.New(fault.Unavailable, "queue_unavailable", "the event could not be kept; send it again")
	req := &request{ctx, objects, make(chan error, 1)}
	select {
	case in.pending <- req:
	case <-ctx.Done():
		return late
	}
	select {
	case err := <-req.done:
		if err != nil {
			return late.Because(err)
		}
		return nil
	case <-ctx.Done():
		return late
	}
}

// look asks the store for the objects that somebody watches.
func (in *Intake) look(ctx context.Context, notices []notice) ([]object, error) {
	var list []object
	watchers := in.watchers()
	for _, n := range notices {
		claimed := hook.Object{Event: n.event, Bucket: n.bucket, Key: n.key}
		wanted := false
		for _, w := range watchers {
			wanted = wanted || w.Wants(claimed)
		}
		if !wanted {
			continue
		}
		if !claimed.Created() {
			claimed.Source, claimed.VersionID, claimed.Sequencer, claimed.At = "minio:s3", n.version, n.sequencer, n.at
			list = append(list, object{claimed, "removed " + n.sequencer})
			continue
		}
		o, err := in.store.stat(ctx, n.bucket, n.key, "")
		if errors.Is(err, errGone) {
			in.counts.gone.Add(1)
			slog.DebugContext(ctx, "an event of an object that is not there", "part", "connector", "source", SourceName, "bucket", n.bucket)
			continue
		}
		if err != nil {
			return nil, err
		}
		o.Event = n.event
		list = append(list, o)
	}
	return list, nil
}

// authorize compares the token: MinIO sends it with the scheme Bearer, or as it
// is where it was configured so.
func (in *Intake) authorize(r *http.Request) error {
	denied := fault.New(fault.Unauthorized, "bad_token", "this port takes notifications of the object store alone")
	want, err := in.token()
	if err != nil || want == "" {
		return fault.New(fault.Unavailable, "no_token", "the intake has no token").Because(err)
	}
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return denied
	}
	got := values[0]
	if scheme, rest, ok := strings.Cut(got, " "); ok && strings.EqualFold(scheme, "Bearer") {
		got = strings.TrimSpace(rest)
	}
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return denied
	}
	return nil
}
