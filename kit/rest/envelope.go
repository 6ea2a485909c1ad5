package rest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// wantsEnvelope reports whether the client accepts JSON and not problems: it
// names application/json, and neither application/problem+json nor anything at
// all.
func wantsEnvelope(h http.Header) bool {
	wants := false
	for item := range strings.SplitSeq(strings.Join(h.Values("Accept"), ","), ",") {
		name, _, _ := strings.Cut(item, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "application/json":
			wants = true
		case "application/problem+json", "application/*", "*/*":
			return false
		}
	}
	return wants
}

// envelope replaces a problem by {"error":{"code":400,"message":"…"}}.
type envelope struct {
	http.ResponseWriter
	message string
	status  int
	said    bool
}

func (e *envelope) WriteHeader(status int) {
	e.status = status
	e.Header().Set("Content-Type", "application/json")
	e.ResponseWriter.WriteHeader(status)
}

func (e *envelope) Write(b []byte) (int, error) {
	if !e.said {
		e.said = true
		body, _ := json.Marshal(map[string]any{"error": map[string]any{"code": e.status, "message": e.message}}) // cannot fail
		if _, err := e.ResponseWriter.Write(append(body, '\n')); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
