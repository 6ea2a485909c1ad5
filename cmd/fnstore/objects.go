package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/connectors/hook"
	"fnstore/runtime/objects"
)

// startObjects opens the object store: what happens there becomes messages in
// the same transaction.
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
	keys, buckets, watchers, err := s3Access(st.file, st.vault, admin, st.s3Addr)
	if err != nil {
		_ = l.Close()
		return err
	}
	st.objects, err = objects.Open(ctx, objects.Config{
		Pool: st.pool, Dir: st.set.path("objects"), Keys: keys,
		OnChange: func(ctx context.Context, tx pgx.Tx, ev objects.Event) error {
			o := hook.Object{
				Event: ev.Name, Source: "fnstore:s3", Bucket: ev.Bucket, Key: ev.Key, ETag: ev.ETag,
				Size: ev.Size, Sequencer: ev.Sequencer, At: ev.At, CallID: ev.CallID,
			}
			if !o.Created() {
				return nil
			}
			_, err := hook.Emit(ctx, tx, watchers, o)
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
	for _, b := range buckets {
		if err := st.objects.MakeBucket(ctx, b); err != nil {
			_ = l.Close()
			return err
		}
	}
	sweeping, stopSweeping := context.WithCancel(context.Background())
	go st.objects.SweepEvery(sweeping, time.Hour)
	st.onStop(func(context.Context) { stopSweeping() })
	st.serve(l, "s3", st.objects.Handler())
	return nil
}
