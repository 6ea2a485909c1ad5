package main

import (
	"context"
	"log/slog"
	"strings"

	"fnstore/kit/queue/lease"
	"fnstore/runtime/callback"
	"fnstore/runtime/delivery"
)

// annotationNotify of a function is who is told of its dead letters, a URL or a
// function, in place of the setting; "none" is nobody.
const annotationNotify = "fnstore.deadletter.notify"

// callbacks tell others how queued calls ended.
type callbacks struct {
	hosts   callback.Hosts // that callers may name
	notify  callback.Hosts // with the one of the setting
	client  *callback.Client
	waiting *callback.Waiting
	ended   lease.Ended
}

// openCallbacks reads the settings and makes the key; a setting that cannot be
// read ends the start.
func (st *store) openCallbacks() (err error) {
	c := &st.callbacks
	if c.hosts, err = callback.ParseHosts(st.set.CallbackHosts); err != nil {
		return err
	}
	c.notify = c.hosts
	if strings.Contains(st.set.DeadNotify, "://") {
		if c.notify, err = c.hosts.With(st.set.DeadNotify); err != nil {
			return err
		}
	}
	if _, err := st.vault.Ensure(callback.Secret); err != nil {
		return err
	}
	c.client = callback.NewClient(c.notify, func() (string, error) {
		key, err := st.vault.Read(callback.Secret)
		return strings.TrimSpace(string(key)), err
	}, version)
	c.ended = (&callback.Teller{Notify: st.tellsOfDead}).Ended
	return nil
}

// tellsOfDead gives who is told of a function's dead letters.
func (st *store) tellsOfDead(function string) string {
	who := st.set.DeadNotify
	if f, err := st.functions.Get(context.Background(), function); err == nil && f.Annotations != nil {
		if own, ok := (*f.Annotations)[annotationNotify]; ok {
			who = own
		}
	}
	if who == "none" {
		return ""
	}
	return who
}

// functions adds callbacks to what delivery delivers.
func (c *callbacks) functions(ctx context.Context, list []delivery.Function) []delivery.Function {
	names, err := c.waiting.Functions(ctx)
	if err != nil {
		slog.WarnContext(ctx, "some callbacks may wait", "part", "callback", "cause", err)
	}
	for _, name := range names {
		list = append(list, delivery.Function{
			Name: name, Concurrency: delivery.DefaultConcurrency, Visibility: callback.Timeout, Call: c.client.Call,
		})
	}
	return list
}
