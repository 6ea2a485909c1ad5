package function

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"

	"fnstore/kit/cloudevents"
	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// The types of messages that do something. Any other is kept all the same.
const (
	userCreated = "user_created"
	userUpdated = "user_updated"
	rowInsert   = "INSERT"
	rowModify   = "MODIFY"
	rowRemove   = "REMOVE"
)

const maxName = 512 // bytes of a source, an id, a type or a subject

// event is one thing that happened, in whatever form it came.
type event struct {
	source, id  string // the event's name: the same twice is one event
	typ         string
	subject     string
	at          time.Time // when it happened, as the sender says; or when it came
	contentType string
	data        []byte
	row         bool // a change of a row; data has its images

	change *change // what it does, nil for an unknown type
}

func (e event) known() bool { return e.change != nil }

// change is what is known about a user after an event.
type change struct {
	user        string
	email, name *string // nil: the event does not say
	removed     bool
}

// message is the plain form: {"type","data"}, and what else names the event.
type message struct {
	Type   string          `json:"type"`
	Data   json.RawMessage `json:"data"`
	ID     string          `json:"id"`
	Source string          `json:"source"`
	Time   time.Time       `json:"time"`
}

// parse reads the events of a call: CloudEvents by their headers, row changes by
// their Records, else one message.
func parse(h http.Header, body []byte) ([]event, error) {
	if cloudevents.ModeOf(h) != cloudevents.None {
		return fromCloudEvents(h, body)
	}
	var shape struct{ Records json.RawMessage }
	if err := json.Unmarshal(body, &shape); err != nil {
		return nil, badEvent("the body is not JSON: %s", err)
	}
	if name, twice := wire.Repeated(body); twice {
		return nil, badEvent("the body has the member %.64q twice in one object", name)
	}
	if shape.Records != nil {
		return fromRecords(shape.Records)
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, badEvent("the body is not a message with type and data: %s", err)
	}
	e := event{
		source: cmp.Or(m.Source, h.Get("X-Topic"), "message"), id: cmp.Or(m.ID, h.Get(wire.CallID)), typ: m.Type, at: m.Time,
		contentType: "application/json", data: m.Data,
	}
	return checked([]event{e})
}

func fromCloudEvents(h http.Header, body []byte) ([]event, error) {
	read, err := cloudevents.Read(h, body)
	if err != nil {
		return nil, err
	}
	list := make([]event, len(read))
	for i, c := range read {
		list[i] = event{source: c.Source, id: c.ID, typ: c.Type, subject: c.Subject, at: c.Time, contentType: cmp.Or(c.DataContentType, "application/json"), data: c.Data}
	}
	return checked(list)
}

// checked finds out what each event does. An event that its receiver can never
// understand is refused, and becomes a dead letter with this sentence.
func checked(list []event) ([]event, error) {
	for i := range list {
		e := &list[i]
		for what, value := range map[string]string{"source": e.source, "id": e.id, "type": e.typ} {
			if value == "" || len(value) > maxName {
				return nil, badEvent("event %d: its %s is missing or has more than %d bytes", i, what, maxName)
			}
		}
		if len(e.subject) > maxName {
			return nil, badEvent("event %d: its subject has more than %d bytes", i, maxName)
		}
		// A clock that is ahead must not keep later events from counting.
		if now := time.Now(); e.at.IsZero() || e.at.After(now) {
			e.at = now
		}
		if e.row {
			continue
		}
		if e.typ == userCreated || e.typ == userUpdated {
			c, err := about(e.data, e.subject)
			if err != nil {
				return nil, err
			}
			e.change = c
		}
	}
	return list, nil
}

// profile is what an event or a row says of a user.
type profile struct {
	ID     string  `json:"id"`
	UserID string  `json:"user_id"`
	Camel  string  `json:"userId"` // another spelling that senders have
	Email  *string `json:"email"`
	Name   *string `json:"name"`
}

func about(data []byte, subject string) (*change, error) {
	var p profile
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fault.New(fault.Unprocessable, "bad_user", "the data does not say who the user is: it is not the JSON expected here")
	}
	c := &change{user: cmp.Or(p.UserID, p.Camel, p.ID, subject), email: p.Email, name: p.Name}
	if c.user == "" || len(c.user) > maxName {
		return nil, fault.New(fault.Unprocessable, "bad_user", "the data does not say who the user is: it has no user_id")
	}
	return c, nil
}

func badEvent(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "bad_user_event", format, args...)
}
