package function

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
)

var (
	topicName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$`)
	typeName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$`)
	idForm    = regexp.MustCompile(`^[!-~]{1,128}$`)
)

// notification is one, as subscribers get it.
type notification struct {
	ID         string         `json:"id"`
	Topic      string         `json:"topic"`
	Type       string         `json:"type"`
	Subject    string         `json:"subject"`
	Message    string         `json:"message"`
	Attributes map[string]any `json:"attributes"`
	Data       map[string]any `json:"data"`
	Time       time.Time      `json:"time"`
}

// parse reads what is published: a JSON object whose members topic, type, id and
// attributes say where it goes, and the others are its data.
func (a *api) parse(body []byte, h http.Header, standard string) (n notification, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var data map[string]any
	if err := d.Decode(&data); err != nil || data == nil || !json.Valid(body) {
		return n, badNotification("the body is not one JSON object")
	}
	if name, twice := wire.Repeated(body); twice {
		return n, badNotification("the body has the member %.64q twice in one object", name)
	}
	n = notification{Topic: DefaultTopic, Type: standard, ID: h.Get(wire.CallID), Attributes: map[string]any{}, Data: data, Time: a.now().UTC().Truncate(time.Microsecond)}
	for name, to := range map[string]*string{"topic": &n.Topic, "type": &n.Type, "id": &n.ID} {
		value, ok := data[name]
		if !ok {
			continue
		}
		s, ok := value.(string)
		if !ok {
			return n, badNotification("%s is not a string", name)
		}
		*to = s
		delete(data, name)
	}
	if value, ok := data["attributes"]; ok {
		if n.Attributes, ok = value.(map[string]any); !ok {
			return n, badNotification("attributes is not an object")
		}
		delete(data, "attributes")
	}
	if n.Type == "" {
		n.Type = "default"
	}
	n.Attributes["type"] = n.Type
	switch {
	case !topicName.MatchString(n.Topic):
		return n, badNotification("topic is not a name of at most 128 letters, digits, dots, dashes and slashes")
	case !typeName.MatchString(n.Type):
		return n, badNotification("type is not a name of at most 128 letters, digits, dots, dashes and slashes")
	case !idForm.MatchString(n.ID):
		return n, badNotification("id does not have 1 to 128 printable characters")
	}
	n.Subject, n.Message, err = a.texts.say(n.Type, n.Data)
	return n, err
}

func badNotification(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "bad_notification_body", format, args...)
}

// publish gives a route that takes notifications, whose type is standard where
// they name none.
func (a *api) publish(standard string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		n, err := a.parse(body, r.Header, standard)
		if err != nil {
			return err
		}
		return a.accept(w, r, n)
	}
}

// accept keeps a notification and answers.
func (a *api) accept(w http.ResponseWriter, r *http.Request, n notification) error {
	count, again := 0, false
	if err := a.db.Do(r.Context(), func(tx pg.Tx) (err error) {
		count, again, err = a.keep(r.Context(), tx, n)
		return err
	}); err != nil {
		if fault.Of(err).Kind == fault.Forbidden {
			return fault.New(fault.Unavailable, "not_allowed_to_send", "a subscriber cannot be sent to").Because(err)
		}
		return pg.Fault(err)
	}
	if again {
		return wire.JSON(w, http.StatusOK, map[string]any{"status": "duplicate", "id": n.ID, "type": n.Type})
	}
	if err := queue.Notify(r.Context(), a.db); err != nil { // a hint: workers look by themselves, a little later
		slog.Warn("workers were not told of messages", "cause", err.Error())
	}
	slog.Info("notification", "id", n.ID, "topic", n.Topic, "type", n.Type, "deliveries", count, "call_id", r.Header.Get(wire.CallID))
	return wire.JSON(w, http.StatusAccepted, map[string]any{"status": "accepted", "id": n.ID, "type": n.Type, "deliveries": count})
}

// keep writes a notification and a message for each subscriber whose filter lets
// it through, all in one transaction. The same id a second time does nothing.
func (a *api) keep(ctx context.Context, tx pg.Tx, n notification) (count int, again bool, err error) {
	content, err := json.Marshal(n)
	if err != nil {
		return 0, false, err
	}
	tag, err := tx.Exec(ctx, `insert into notification (id, topic, type, content, expires_at) values ($1, $2, $3, $4, now() + $5) on conflict (id) do nothing`, n.ID, n.Topic, n.Type, content, a.retention)
	if err != nil {
		return 0, false, err
	}
	if tag.RowsAffected() == 0 {
		return 0, true, nil
	}
	list, err := pg.All[subscription](ctx, tx, `select `+columns+` from subscription where topic = $1 order by id limit $2`, n.Topic, maxSubscribers)
	if err != nil {
		return 0, false, err
	}
	for _, s := range list {
		wanted, err := policy(s.Filter)
		if err != nil { // it was parsed when it was made
			return 0, false, err
		}
		if !wanted.Matches(n.Attributes) {
			continue
		}
		if err := a.hand(ctx, tx, n, s, content); err != nil {
			return 0, false, err
		}
		count++
	}
	return count, false, nil
}

// hand gives a subscriber's notification to the queue: a function gets it
// itself, for the others this function is called to send it on.
func (a *api) hand(ctx context.Context, tx pg.Tx, n notification, s subscription, content []byte) error {
	out := queue.Outgoing{Target: a.self, Path: "/deliver", Headers: map[string][]string{"Content-Type": {"application/json"}}, DedupKey: n.ID + " " + s.ID}
	sent := s.Protocol == toFunction
	var err error
	if sent {
		out.Target, out.Path = s.function()
		out.Body = content
		out.Headers["X-Notify-Topic"], out.Headers["X-Notify-Type"], out.Headers["X-Notify-Id"] = []string{n.Topic}, []string{n.Type}, []string{n.ID}
	} else if out.Body, err = json.Marshal(task{n.ID, s.ID}); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `insert into delivery (notification, subscription, protocol, endpoint, done_at) values ($1, $2, $3, $4, case when $5 then now() end)`, n.ID, s.ID, s.Protocol, s.Endpoint, sent); err != nil {
		return err
	}
	_, err = queue.Send(ctx, tx, out)
	return err
}
