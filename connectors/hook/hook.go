// Package hook is what every connector shares: it finds the functions that
// asked for an event and writes one message for each. It does not know where
// an event comes from, nor how a message travels.
package hook

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"fnstore/kit/queue"
	"fnstore/kit/trace"
)

// Annotations by which a function says which objects concern it. Each holds
// places, separated by commas.
const (
	AnnotationWatch  = "fnstore.s3.watch"  // objects made here call the function
	AnnotationRead   = "fnstore.s3.read"   // and it may read here
	AnnotationWrite  = "fnstore.s3.write"  // and write here; what lies here never calls it
	AnnotationSuffix = "fnstore.s3.suffix" // ends of keys, by commas; none means any
	AnnotationEvents = "fnstore.s3.events" // event names, by commas; * at the end stands for any; DefaultEvents
)

// Place is a part of a bucket: the keys that begin with Prefix.
type Place struct{ Bucket, Prefix string }

// Has reports whether the object lies in the place.
func (p Place) Has(bucket, key string) bool {
	return p.Bucket == bucket && strings.HasPrefix(key, p.Prefix)
}

// Places reads an annotation: "bucket" or "bucket/prefix", several by commas.
// A bucket's name has 3 to 63 lower case letters, digits, dots and hyphens (S3,
// bucket naming rules).
func Places(annotation string) ([]Place, error) {
	var list []Place
	for item := range strings.SplitSeq(annotation, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		bucket, prefix, _ := strings.Cut(item, "/")
		if !bucketName(bucket) {
			return nil, fmt.Errorf("%q does not begin with a bucket's name", item)
		}
		list = append(list, Place{bucket, prefix})
	}
	return list, nil
}

func bucketName(s string) bool {
	if len(s) < 3 || len(s) > 63 || strings.Trim(s, ".-") != s {
		return false
	}
	for _, c := range s {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// Emit writes a message for each function that watches the object's place,
// within tx: it is there when, and only when, what happened is. It returns how
// many it wrote.
func Emit(ctx context.Context, tx queue.DB, watchers []Watcher, o Object) (int, error) {
	sent := 0
	ctx = journey(ctx)
	if o.Hops > MaxHops {
		slog.Warn("an object calls nobody: too many functions have followed one another", "bucket", o.Bucket, "key", o.Key, "hops", o.Hops)
	}
	for _, w := range watchers {
		if !w.Wants(o) {
			continue
		}
		if _, err := queue.Enqueue(ctx, tx, o.message(w.Function)); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}

// journey gives ctx a trace context where it has none: all messages of one event
// belong together.
func journey(ctx context.Context) context.Context {
	if _, ok := trace.From(ctx); ok {
		return ctx
	}
	return trace.With(ctx, trace.New())
}
