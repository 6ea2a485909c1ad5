package function

import (
	"fmt"
	"net/http"
	"time"

	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/signed"
	"fnstore/kit/wire"
)

// Names of secrets.
const (
	databaseSecret = "notify-pg"
	webhookSecret  = "notify-webhook" // signs webhooks; one key a line, the first signs
	mailSecret     = "notify-smtp"
	mailCASecret   = "notify-smtp-ca"
)

// Bounds and defaults.
const (
	DefaultTopic     = "notifications"
	DefaultRetention = 30 * 24 * time.Hour
	maxBody          = 256 << 10
	maxSubscribers   = 1000 // of a topic
)

// api is the function with its needs.
type api struct {
	read      func(name string) (string, error)
	db        *pg.DB
	self      string // the function's own name in the queue
	texts     texts
	hooks     *hooks
	retention time.Duration
	now       func() time.Time
}

// Open makes the function from its environment and its secrets. It dials
// nothing; an error is one of the settings and stays.
func Open(getenv func(string) string, read func(name string) (string, error)) (http.Handler, error) {
	a := &api{read: read, db: pg.Open(func() (string, error) { return read(databaseSecret) }), self: "notify", retention: DefaultRetention, now: time.Now}
	var err error
	if s := getenv("notify_retention"); s != "" {
		if a.retention, err = time.ParseDuration(s); err != nil || a.retention < time.Minute {
			return nil, fmt.Errorf("notify_retention %q is not a duration of a minute or more, such as 720h", s)
		}
	}
	if a.texts, err = parseTexts(getenv("notify_texts")); err != nil {
		return nil, err
	}
	if a.hooks, err = newHooks(getenv("notify_private_hosts")); err != nil {
		return nil, err
	}
	one := "/subscriptions/{id}"
	// Without an op it publishes: that is how the store tells of dead letters, and
	// how a topic's publications arrive.
	service := &rest.API{Name: "notify", Default: "publish", Routes: []rest.Route{
		{Method: "POST", Path: "/publish", Op: "publish", Public: true, MaxBody: maxBody, Serve: a.publish("")},
		{Method: "POST", Path: "/send", Op: "send-notification", Public: true, MaxBody: maxBody, Serve: a.publish("")},
		{Method: "POST", Path: "/confirm", Op: "send-confirmation", Public: true, MaxBody: maxBody, Serve: a.publish("order_success")},
		{Method: "GET", Path: "/notifications/{id}", Op: "get-notification", Public: true, Serve: a.get},
		{Method: "POST", Path: "/subscriptions", Op: "subscribe", Public: true, MaxBody: maxBody, Serve: a.subscribe},
		{Method: "GET", Path: "/subscriptions", Op: "list-subscriptions", Public: true, Serve: a.subscriptions},
		{Method: "DELETE", Path: one, Op: "unsubscribe", Public: true, Serve: a.unsubscribe},
		{Method: "POST", Path: "/deliver", Public: true, MaxBody: maxBody, Serve: a.deliver},
	}}
	others := signed.Only(maxBody, service)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/alerts" {
			wire.Serve(w, r, a.alerts)
			return
		}
		others.ServeHTTP(w, r)
	}), nil
}
