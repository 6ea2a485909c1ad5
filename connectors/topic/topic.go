// Package topic sends what is published to a topic to every function that
// subscribes to it, all of them or none. It does not know what a message says
// beyond its attributes.
//
// A publication is a message of the queue for the name "topic:" and the topic's.
// So whoever may put messages into the queue may publish: the operator over HTTP,
// and a function by queue.Send to "topic:NAME", within its own transaction, where
// its annotation fnstore.sends names that.
package topic

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
)

// Prefix makes a topic's name one that the queue takes. No function's name has a
// colon.
const Prefix = "topic:"

// Headers of a publication and of what subscribers get.
const (
	HeaderAttributes = "X-Fnstore-Attributes" // a JSON object that filters look at
	HeaderMessageID  = "X-Message-Id"         // the same for all subscribers
	HeaderTopic      = "X-Topic"
)

// maxAttributes is the longest HeaderAttributes, in bytes.
const maxAttributes = 8 << 10

var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$`)

// Publication is what is published.
type Publication struct {
	Topic      string
	Attributes map[string]any // strings, numbers, booleans, null, and lists of them
	Header     http.Header    // Content-Type and what else subscribers shall see
	Body       []byte
	Group      string // publications of one group reach each subscriber in order
	DedupKey   string
}

// Publish puts a publication into the queue, within db's transaction if it has
// one. It is the store's own way: subscribers are called with a signature.
func Publish(ctx context.Context, db queue.DB, p Publication) (queue.Accepted, error) {
	if !name.MatchString(p.Topic) {
		return queue.Accepted{}, fault.New(fault.Invalid, "bad_topic", "a topic's name has 1 to 200 letters, digits and . _ - /, and begins with a letter or digit")
	}
	headers := p.Header.Clone()
	if headers == nil {
		headers = http.Header{}
	}
	headers.Del(HeaderAttributes)
	if len(p.Attributes) > 0 {
		text, err := json.Marshal(p.Attributes)
		if err != nil {
			return queue.Accepted{}, fmt.Errorf("publish to %s: attributes: %w", p.Topic, err)
		}
		if _, err := attributes(string(text)); err != nil {
			return queue.Accepted{}, err
		}
		headers.Set(HeaderAttributes, string(text))
	}
	return queue.Enqueue(ctx, db, queue.New{
		Function: Prefix + p.Topic, Headers: headers, Body: p.Body, Group: p.Group, DedupKey: p.DedupKey, Trusted: true,
	})
}

// attributes reads HeaderAttributes.
func attributes(text string) (map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	bad := fault.New(fault.Invalid, "bad_attributes", "%s is a JSON object of strings, numbers, booleans, null and lists of them, at most %d bytes", HeaderAttributes, maxAttributes)
	var members map[string]json.RawMessage
	if len(text) > maxAttributes || json.Unmarshal([]byte(text), &members) != nil || members == nil {
		return nil, bad
	}
	out := make(map[string]any, len(members))
	for k, raw := range members {
		v, err := value(raw, true)
		if err != nil {
			return nil, bad.Because(err)
		}
		out[k] = v
	}
	return out, nil
}

func value(raw json.RawMessage, lists bool) (any, error) {
	switch raw[0] {
	case '{':
		return nil, fmt.Errorf("an attribute is no object")
	case '[':
		if !lists {
			return nil, fmt.Errorf("a list in a list")
		}
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return nil, err
		}
		list := make([]any, len(items))
		for i, item := range items {
			v, err := value(item, false)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return json.Number(raw), nil
	}
	var v any
	return v, json.Unmarshal(raw, &v)
}
