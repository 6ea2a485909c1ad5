package function

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/limit"
	"fnstore/kit/pg"
	"fnstore/kit/queue"
	"fnstore/kit/rest"
	"fnstore/kit/wire"
)

// Names of secrets. A sender's is webhook-NAME: one key a line, the newest
// first; all are accepted while they rotate.
const (
	databaseSecret = "webhook-pg"
	redisSecret    = "webhook-redis"
	keyPrefix      = "webhook-"
)

// Bounds and defaults.
const (
	DefaultTarget = "topic:webhooks"
	maxBody       = 1 << 20
	minKey        = 16 // bytes of a key
	maxKeys       = 4  // lines of a secret that count
)

// target is a topic, or a function's name.
var target = regexp.MustCompile(`^(topic:[A-Za-z0-9][A-Za-z0-9._/-]*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$`)

// api is the function with its needs.
type api struct {
	read   func(name string) (string, error)
	db     *pg.DB
	target string // the topic or the function that gets the messages
	path   string // the path of a function's calls
	now    func() time.Time
}

// Open makes the function from its environment and its secrets. It dials
// nothing; an error is one of the settings and stays.
func Open(getenv func(string) string, read func(name string) (string, error)) (*rest.API, error) {
	a := &api{read: read, db: pg.Open(func() (string, error) { return read(databaseSecret) }), target: DefaultTarget, path: "/", now: time.Now}
	if s := getenv("webhook_target"); s != "" {
		a.target = s
		if name, path, ok := strings.Cut(s, "/"); ok && !strings.HasPrefix(s, "topic:") {
			a.target, a.path = name, "/"+path
		}
	}
	if !target.MatchString(a.target) {
		return nil, fmt.Errorf("webhook_target %q is not topic:NAME, FUNCTION or FUNCTION/PATH", a.target)
	}
	gate, err := limit.OpenGate("webhook", getenv, func() (string, error) { return read(redisSecret) },
		limit.Policy{Name: "default", Limit: 600, Window: time.Minute})
	if err != nil {
		return nil, err
	}
	service := &rest.API{
		Name: "webhook",
		Limit: func(w http.ResponseWriter, r *http.Request, policy string, _ rest.Caller) error {
			return gate.Check(w, r, policy, "")
		},
	}
	for _, s := range schemes {
		service.Routes = append(service.Routes, rest.Route{
			Method: http.MethodPost, Path: "/" + s.name, Op: s.name, Public: true, Limit: "default", MaxBody: maxBody,
			Serve: func(w http.ResponseWriter, r *http.Request) error { return a.receive(w, r, s) },
		})
	}
	return service, nil
}

// receive publishes one webhook. The same delivery a second time is a success
// that does nothing.
func (a *api) receive(w http.ResponseWriter, r *http.Request, s scheme) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	id, err := a.prove(r.Header, body, s)
	if err != nil {
		return err
	}
	headers := map[string][]string{"X-Webhook-Source": {s.name}, "X-Webhook-Id": {printable(id)}, "Content-Type": {contentType(r.Header)}}
	attributes := map[string]string{"source": s.name} // what subscribers' filters look at
	if event := r.Header.Get("X-GitHub-Event"); event != "" && s.name == "github" {
		headers["X-Webhook-Event"] = []string{printable(event)}
		attributes["event"] = printable(event)
	}
	text, err := json.Marshal(attributes)
	if err != nil {
		return err
	}
	headers["X-Fnstore-Attributes"] = []string{string(text)}
	var sent queue.Accepted
	again := false
	err = a.db.Do(r.Context(), func(tx pg.Tx) error {
		tag, err := tx.Exec(r.Context(), `insert into delivery (source, id) values ($1, $2) on conflict do nothing`, s.name, id)
		if err != nil {
			return err
		}
		if again = tag.RowsAffected() == 0; again {
			return nil
		}
		sent, err = queue.Send(r.Context(), tx, queue.Outgoing{Target: a.target, Path: a.path, Headers: headers, Body: body, DedupKey: s.name + " " + id})
		return err
	})
	if err != nil {
		if f := fault.Of(err); f.Kind == fault.Forbidden {
			return fault.New(fault.Unavailable, "not_allowed_to_send", "the webhook cannot be passed on").Because(err)
		}
		return pg.Fault(err)
	}
	if again {
		return wire.JSON(w, http.StatusOK, map[string]string{"status": "duplicate"})
	}
	if err := queue.Notify(r.Context(), a.db); err != nil { // a hint: workers look by themselves, a little later
		slog.Warn("workers were not told of a message", "cause", err.Error())
	}
	a.sweep(id)
	return wire.JSON(w, http.StatusAccepted, map[string]string{"status": "accepted", "call_id": sent.CallID})
}

// prove checks the signature with each key that is mounted. A refusal does not
// say what was wrong.
func (a *api) prove(h http.Header, body []byte, s scheme) (id string, err error) {
	text, err := a.read(keyPrefix + s.name)
	if err != nil {
		return "", fault.New(fault.Unavailable, "no_webhook_key", "the key of this sender is not mounted").Because(err)
	}
	why := errMatch
	for i, line := range strings.Fields(text) {
		if i == maxKeys {
			break
		}
		key, err := s.key(line)
		if err != nil || len(key) < minKey {
			return "", fault.New(fault.Unavailable, "bad_webhook_key", "the key of this sender cannot be used").Because(fmt.Errorf("line %d of %s%s has fewer than %d bytes, or cannot be read", i+1, keyPrefix, s.name, minKey))
		}
		if id, why = s.verify(h, body, key, a.now()); why == nil {
			return id, nil
		}
	}
	slog.Info("webhook refused", "source", s.name, "why", why.Error())
	return "", fault.New(fault.Unauthorized, "unsigned_webhook", "the signature does not hold")
}

// contentType is what the sender says of the body, in characters that a header
// of a message may have.
func contentType(h http.Header) string {
	if s := printable(h.Get("Content-Type")); s != "" && len(s) <= 200 {
		return s
	}
	return "application/octet-stream"
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}

// sweep removes old rows after about one delivery in sixteen.
func (a *api) sweep(id string) {
	if !bytes.HasSuffix([]byte(id), []byte("0")) {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if _, err := a.db.Exec(ctx, `delete from delivery where ctid in (select ctid from delivery where received_at < now() - interval '7 days' limit 1000)`); err != nil {
			slog.Warn("old deliveries were not removed", "cause", err.Error())
		}
	}()
}
