// Package cloudevents reads CloudEvents 1.0 from HTTP requests in the three
// content modes: binary, structured and batched (CloudEvents HTTP protocol
// binding 1.0.2, JSON event format 1.0.2). It does not know what an event means,
// nor who sent it.
package cloudevents

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"fnstore/kit/fault"
)

// Bounds.
const (
	maxBatch      = 1000 // events of one request
	maxAttribute  = 2048 // bytes of an attribute
	maxExtensions = 64
)

// Event is one event. ID and Source together name it (section 3.1.1).
type Event struct {
	ID, Source, Type string
	Subject          string
	Time             time.Time // zero when there is none
	DataContentType  string    // empty means JSON
	DataSchema       string
	Extensions       map[string]string // in the canonical form of their type
	Data             []byte            // nil when there is none
}

// Mode is a content mode of the HTTP binding.
type Mode int

// The modes. None is a request that is no CloudEvent.
const (
	None Mode = iota
	Binary
	Structured
	Batch
)

const (
	structuredType = "application/cloudevents"
	batchType      = "application/cloudevents-batch"
	headerPrefix   = "Ce-"
)

// ModeOf tells the mode of a request by its headers (HTTP binding, section 3).
func ModeOf(h http.Header) Mode {
	t := mediaType(h.Get("Content-Type"))
	switch {
	case strings.HasPrefix(t, batchType):
		return Batch
	case strings.HasPrefix(t, structuredType):
		return Structured
	case h.Get("Ce-Specversion") != "":
		return Binary
	}
	return None
}

func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// Read gives the events of a request, in their order. Its errors are
// fault.Invalid with the code bad_cloudevent, and fault.Unsupported with the code
// unsupported_event_format for a format other than JSON.
func Read(h http.Header, body []byte) ([]Event, error) {
	t := mediaType(h.Get("Content-Type"))
	switch ModeOf(h) {
	case Binary:
		e, err := binary(h, body)
		return []Event{e}, err
	case Structured:
		if t != structuredType+"+json" {
			return nil, unsupported(t)
		}
		e, err := structured(body)
		return []Event{e}, err
	case Batch:
		if t != batchType+"+json" {
			return nil, unsupported(t)
		}
		return batch(body)
	}
	return nil, bad("the request has neither a CloudEvents content type nor ce-specversion")
}

func unsupported(t string) error {
	return fault.New(fault.Unsupported, "unsupported_event_format", "events are read as JSON, not as %.100s", t)
}

func bad(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "bad_cloudevent", format, args...)
}

// set gives an attribute its value; any name that is not the specification's is
// an extension.
func (e *Event) set(name, value string) error {
	if len(value) > maxAttribute || !utf8.ValidString(value) {
		return bad("the attribute %.40s has more than %d bytes, or is not UTF-8", name, maxAttribute)
	}
	for _, r := range value {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return bad("the attribute %.40s has a control character", name)
		}
	}
	switch name {
	case "id":
		e.ID = value
	case "source":
		e.Source = value
	case "type":
		e.Type = value
	case "subject":
		e.Subject = value
	case "dataschema":
		e.DataSchema = value
	case "datacontenttype":
		e.DataContentType = value
	case "time":
		at, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return bad("time is not in the form of RFC 3339")
		}
		e.Time = at
	default:
		for i := range len(name) {
			if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				return bad("%.40q cannot be an attribute's name: those have lower case letters and digits", name)
			}
		}
		if e.Extensions == nil {
			e.Extensions = map[string]string{}
		}
		if e.Extensions[name] = value; len(e.Extensions) > maxExtensions {
			return bad("the event has more than %d extensions", maxExtensions)
		}
	}
	return nil
}

// check holds the rules of the specification's section 3.1.
func (e *Event) check(version string) error {
	if version != "1.0" {
		return bad("specversion is %.20q; 1.0 is read here", version)
	}
	for name, value := range map[string]string{"id": e.ID, "source": e.Source, "type": e.Type} {
		if value == "" {
			return bad("the attribute %s is missing or empty", name)
		}
	}
	if _, err := url.Parse(e.Source); err != nil {
		return bad("source is not a URI reference")
	}
	if u, err := url.Parse(e.DataSchema); e.DataSchema != "" && (err != nil || !u.IsAbs()) {
		return bad("dataschema is not a URI")
	}
	if e.DataContentType != "" {
		if _, _, err := mime.ParseMediaType(e.DataContentType); err != nil {
			return bad("datacontenttype is not a media type")
		}
	}
	return nil
}

// IsJSON reports whether the data is JSON by its content type.
func (e *Event) IsJSON() bool { return jsonType(e.DataContentType) }

func jsonType(contentType string) bool {
	t := mediaType(contentType)
	return t == "" || strings.HasSuffix(t, "/json") || strings.HasSuffix(t, "+json")
}
