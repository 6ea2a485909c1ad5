package hook

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// DefaultEvents are those that a watch is about when it names none.
const DefaultEvents = "ObjectCreated:*"

// MaxHops is how many functions may follow one another, each called by an object
// that the one before wrote. Then the chain is taken for a loop and ends.
const MaxHops = 16

// Watcher is a function and the objects that call it. Its zero values for
// Suffixes, Events and Outputs mean any, DefaultEvents and none.
type Watcher struct {
	Function string
	Places   []Place
	Suffixes []string
	Events   []string
	Outputs  []Place
}

// WatcherOf reads a function's annotations. A function without AnnotationWatch
// has no places.
func WatcherOf(f Function) (Watcher, error) {
	w := Watcher{Function: f.Name, Suffixes: list(f.Annotations[AnnotationSuffix]), Events: list(f.Annotations[AnnotationEvents])}
	var errs [2]error
	w.Places, errs[0] = Places(f.Annotations[AnnotationWatch])
	w.Outputs, errs[1] = Places(f.Annotations[AnnotationWrite])
	for _, e := range w.Events {
		name, _ := strings.CutSuffix(e, "*")
		if strings.Contains(name, "*") || !strings.HasPrefix(name, "ObjectCreated:") && !strings.HasPrefix(name, "ObjectRemoved:") {
			return Watcher{}, fmt.Errorf("%s: %s: %q; events are such as ObjectCreated:Put and ObjectRemoved:*", f.Name, AnnotationEvents, e)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		return Watcher{}, fmt.Errorf("%s: %w", f.Name, err)
	}
	for _, p := range w.Places {
		if slices.ContainsFunc(w.Outputs, func(o Place) bool { return o.Has(p.Bucket, p.Prefix) }) {
			return Watcher{}, fmt.Errorf("%s: it watches %s/%s and writes there as well, so it would call itself; give its output a bucket or prefix of its own", f.Name, p.Bucket, p.Prefix)
		}
	}
	return w, nil
}

// Wants reports whether what happened to the object is the function's business.
func (w Watcher) Wants(o Object) bool {
	has := func(p Place) bool { return p.Has(o.Bucket, o.Key) }
	if o.Hops > MaxHops || !slices.ContainsFunc(w.Places, has) || slices.ContainsFunc(w.Outputs, has) {
		return false
	}
	if len(w.Suffixes) > 0 && !slices.ContainsFunc(w.Suffixes, func(s string) bool { return strings.HasSuffix(o.Key, s) }) {
		return false
	}
	events := w.Events
	if len(events) == 0 {
		events = list(DefaultEvents)
	}
	return slices.ContainsFunc(events, func(e string) bool {
		prefix, any := strings.CutSuffix(e, "*")
		return e == o.Event || any && strings.HasPrefix(o.Event, prefix)
	})
}

func list(annotation string) (items []string) {
	for item := range strings.SplitSeq(annotation, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
