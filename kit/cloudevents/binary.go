package cloudevents

import (
	"net/http"
	"net/url"
	"strings"
)

// binary reads an event whose attributes are headers (HTTP binding, section 3.1).
func binary(h http.Header, body []byte) (e Event, err error) {
	version := ""
	for header, values := range h {
		name, ok := strings.CutPrefix(http.CanonicalHeaderKey(header), headerPrefix)
		if !ok {
			continue
		}
		name = strings.ToLower(name)
		if len(values) != 1 {
			return e, bad("the header ce-%.40s is there %d times", name, len(values))
		}
		value, err := decode(values[0])
		if err != nil {
			return e, bad("the header ce-%.40s is not percent-encoded as it should be", name)
		}
		switch name {
		case "specversion":
			version = value
		case "datacontenttype", "data", "data_base64":
			return e, bad("ce-%s is no header of an event", name)
		default:
			if err := e.set(name, value); err != nil {
				return e, err
			}
		}
	}
	if err := e.set("datacontenttype", h.Get("Content-Type")); err != nil {
		return e, err
	}
	if len(body) > 0 {
		e.Data = body
	}
	return e, e.check(version)
}

// decode is the value of a header: without the quotes that a sender may have put
// around it, and percent-decoded (HTTP binding, section 3.1.3.2).
func decode(s string) (string, error) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		var b strings.Builder
		for i := 1; i < len(s)-1; i++ {
			if s[i] == '\\' && i+1 < len(s)-1 {
				i++
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	return url.PathUnescape(s)
}
