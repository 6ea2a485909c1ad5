package cloudevents

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"

	"fnstore/kit/wire"
)

// structured reads an event that is a JSON object (JSON event format, section 3).
func structured(body []byte) (Event, error) {
	if err := valid(body); err != nil {
		return Event{}, err
	}
	return object(body)
}

// batch reads a JSON array of events, which may be empty (section 4). One that is
// not valid refuses all: half of a batch would be reported as the whole.
func batch(body []byte) ([]Event, error) {
	if err := valid(body); err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil || list == nil {
		return nil, bad("a batch is a JSON array")
	}
	if len(list) > maxBatch {
		return nil, bad("the batch has %d events; the limit is %d", len(list), maxBatch)
	}
	events := make([]Event, len(list))
	for i, text := range list {
		var err error
		if events[i], err = object(text); err != nil {
			return nil, bad("event %d of the batch: %v", i, err)
		}
	}
	return events, nil
}

// valid refuses what two readers may understand in two ways.
func valid(body []byte) error {
	if !json.Valid(body) {
		return bad("the body is not JSON")
	}
	if name, twice := wire.Repeated(body); twice {
		return bad("the body has the member %.64q twice in one object", name)
	}
	return nil
}

func object(text []byte) (e Event, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return e, bad("an event is a JSON object")
	}
	version := ""
	for name, raw := range members {
		if name == "data" || name == "data_base64" || string(raw) == "null" {
			continue // a null attribute is one that is not there (section 2.2)
		}
		value, err := scalar(name, raw)
		if err != nil {
			return e, err
		}
		if name == "specversion" {
			version = value
			continue
		}
		if err := e.set(name, value); err != nil {
			return e, err
		}
	}
	if err := e.check(version); err != nil {
		return e, err
	}
	return e, e.data(members["data"], members["data_base64"])
}

// contextNames are those of the specification, all of which are strings.
var contextNames = map[string]bool{"specversion": true, "id": true, "source": true, "type": true, "subject": true, "time": true, "dataschema": true, "datacontenttype": true}

// scalar is an attribute in its canonical form: a string, a boolean or an
// integer (section 2.1).
func scalar(name string, raw json.RawMessage) (string, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	if contextNames[name] {
		return "", bad("the attribute %s is not a string", name)
	}
	text := string(raw)
	if _, err := strconv.ParseInt(text, 10, 32); err == nil || text == "true" || text == "false" {
		return text, nil
	}
	return "", bad("the attribute %.40s is neither a string nor a boolean nor an integer of 32 bits", name)
}

// data reads the payload: JSON as it stands there, text from a JSON string,
// anything else from base64 (section 3.1).
func (e *Event) data(plain, encoded json.RawMessage) error {
	switch {
	case plain != nil && encoded != nil:
		return bad("the event has both data and data_base64")
	case encoded != nil:
		var s string
		if err := json.Unmarshal(encoded, &s); err != nil {
			return bad("data_base64 is not a string")
		}
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return bad("data_base64 is not base64")
		}
		e.Data = b
	case plain != nil:
		var s string
		if !e.IsJSON() && json.Unmarshal(plain, &s) == nil {
			e.Data = []byte(s)
		} else {
			e.Data = bytes.Clone(plain)
		}
	}
	return nil
}
