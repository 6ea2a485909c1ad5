package main

import (
	"context"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/connectors/hook"
	"fnstore/runtime/objects"
)

// startObjects opens the object store: what happens there becomes messages in
// the same transaction. Requests wait until the functions' watches are there, so
// that no object comes without its event; st.watching ends that.
func (st *store) startObjects(ctx context.Context) error {
	l, err := listen(st.set.S3Port)
	if err != nil {
		return err
	}
	st.s3Addr = l.Addr().String()
	admin, err := st.creds.get(s3AdminSecret)
	if err != nil {
		_ = l.Close()
		return err
	}
	own := objects.Key{ID: s3Admin, Secret: admin, Admin: true}
	st.objects, err = objects.Open(ctx, objects.Config{
		Pool: st.pool, Dir: st.set.path("objects"), Keys: []objects.Key{own},
		OnChange: func(ctx context.Context, tx pgx.Tx, ev objects.Event) error {
			o := hook.Object{
				Event: ev.Name, Source: "fnstore:s3", Bucket: ev.Bucket, Key: ev.Key, ETag: ev.ETag,
				Size: ev.Size, Sequencer: ev.Sequencer, At: ev.At, CallID: ev.CallID, Hops: ev.Hops,
			}
			_, err := hook.Emit(ctx, tx, st.watchers.List(), o)
			return err
		},
		AfterChange: func(objects.Event) {
			if d := st.delivery.Load(); d != nil {
				d.Announce()
			}
		},
		Domains: st.set.s3Domains(),
	})
	if err != nil {
		_ = l.Close()
		return err
	}
	st.bodies = st.objects.Bodies()
	st.onStop(func(context.Context) { logStop("objects", st.objects.Close()) })
	st.keys = newObjectKeys(st.objects, own, st.s3Addr)
	sweeping, stopSweeping := context.WithCancel(context.Background())
	go st.objects.SweepEvery(sweeping, time.Hour)
	st.onStop(func(context.Context) { stopSweeping() })
	ready, open := context.WithCancel(context.Background())
	st.watching = open
	handler := traceObjects(st.objects.Handler(), st.spans.Record)
	st.serve(l, "s3", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-ready.Done():
			handler.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	st.onStop(func(context.Context) { open() })
	return nil
}
