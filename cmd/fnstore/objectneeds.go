package main

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"sync"

	"fnstore/connectors/hook"
	"fnstore/kit/fault"
	"fnstore/runtime/objects"
	"fnstore/runtime/provision"
)

// placesOf reads one of a function's annotations.
func placesOf(f provision.Function, annotation string) ([]hook.Place, error) {
	places, err := hook.Places(f.Annotations[annotation])
	if err != nil {
		return nil, fault.New(fault.Invalid, "bad_annotation", "annotation %s: %s", annotation, err)
	}
	return places, nil
}

// objectKeys gives a function whose annotations name buckets an access key of
// its own, NAME-s3, that may do there what they say. It is a provision.Kind.
type objectKeys struct {
	store    *objects.Store
	admin    objects.Key // of people and scripts
	endpoint string

	mu   sync.Mutex
	keys map[string]objects.Key // by function
}

func newObjectKeys(store *objects.Store, admin objects.Key, endpoint string) *objectKeys {
	return &objectKeys{store: store, admin: admin, endpoint: endpoint, keys: map[string]objects.Key{}}
}

// access are the annotations that name places, and what each lets a key do there.
var access = []struct {
	annotation string
	verbs      []objects.Verb
}{
	{hook.AnnotationWatch, []objects.Verb{objects.Read}},
	{hook.AnnotationRead, []objects.Verb{objects.Read, objects.List}},
	{hook.AnnotationWrite, []objects.Verb{objects.Read, objects.Write, objects.Delete, objects.List}},
}

func (k *objectKeys) Suffix() string { return "s3" }

func (k *objectKeys) User(function string) string { return "fn-" + function }

// Wants reports whether an annotation names a place.
func (k *objectKeys) Wants(f provision.Function) bool {
	for _, a := range access {
		if f.Annotations[a.annotation] != "" {
			return true
		}
	}
	return false
}

// Provide makes the buckets and the key.
func (k *objectKeys) Provide(ctx context.Context, f provision.Function, password string) (string, error) {
	return k.provide(ctx, f, objects.Key{ID: k.User(f.Name), Secret: password})
}

// Rotate gives the key another secret beside the current one.
func (k *objectKeys) Rotate(ctx context.Context, f provision.Function, current, next string) (string, error) {
	return k.provide(ctx, f, objects.Key{ID: k.User(f.Name), Secret: next, Previous: current})
}

func (k *objectKeys) provide(ctx context.Context, f provision.Function, key objects.Key) (string, error) {
	for _, a := range access {
		places, err := placesOf(f, a.annotation)
		if err != nil {
			return "", err
		}
		for _, p := range places {
			if err := k.store.MakeBucket(ctx, p.Bucket); err != nil {
				return "", err
			}
			key.Grants = append(key.Grants, objects.Grant{Verbs: a.verbs, Bucket: p.Bucket, Prefix: p.Prefix})
		}
	}
	u := url.URL{Scheme: "http", User: url.UserPassword(key.ID, key.Secret), Host: k.endpoint}
	return u.String(), k.set(f.Name, &key)
}

// Withdraw makes the key invalid. Buckets and objects stay.
func (k *objectKeys) Withdraw(_ context.Context, function string) error { return k.set(function, nil) }

func (k *objectKeys) set(function string, key *objects.Key) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := maps.Clone(k.keys)
	delete(next, function)
	if key != nil {
		next[function] = *key
	}
	if err := k.store.SetKeys(append(slices.Collect(maps.Values(next)), k.admin)); err != nil {
		return err
	}
	k.keys = next
	return nil
}

// watches has each new object in a watched place become a message. It is a
// provision.Kind without a secret.
type watches struct {
	store    *objects.Store
	watchers *hook.Watchers
}

func (w *watches) Suffix() string { return "" }

func (w *watches) User(string) string { return "" }

// Wants reports whether the annotation names a place.
func (w *watches) Wants(f provision.Function) bool { return f.Annotations[hook.AnnotationWatch] != "" }

// Provide makes the bucket and the watch.
func (w *watches) Provide(ctx context.Context, f provision.Function, _ string) (string, error) {
	watcher, err := hook.WatcherOf(hook.Function{Name: f.Name, Annotations: f.Annotations})
	if err != nil {
		return "", fault.New(fault.Invalid, "bad_annotation", "%v", err)
	}
	for _, p := range watcher.Places {
		if err := w.store.MakeBucket(ctx, p.Bucket); err != nil {
			return "", err
		}
	}
	w.watchers.Set(watcher)
	return "", nil
}

// Withdraw ends the watch.
func (w *watches) Withdraw(_ context.Context, function string) error {
	w.watchers.Set(hook.Watcher{Function: function})
	return nil
}
