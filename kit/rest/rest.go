// Package rest serves a table of routes, each call in the same order: CORS, the
// route, who calls, how often, what they may do, what they sent, the work. It
// does not know how a caller proves who they are, nor how calls are counted.
package rest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/trace"
	"fnstore/kit/wire"
)

// Route is one thing that a function does.
type Route struct {
	Method string
	Path   string // /v1/users/{id}: a segment in braces matches any that is not empty
	Op     string // names the route in a call of POST /

	Public bool   // nobody has to say who they are
	Role   string // that a caller has to have; "" means none
	Scope  string // that a caller with an API key has to have

	Limit   string // the policy that counts the call
	MaxBody int64  // bytes; 0 means that no body is read
	Check   func(body []byte) error

	Deprecated, Sunset time.Time // said in each answer (RFC 9745, RFC 8594), unless zero
	Successor          string    // a reference to what to use instead

	Serve func(http.ResponseWriter, *http.Request) error
}

// API is a table of routes with what they have in common.
type API struct {
	Name    string   // of the realm in WWW-Authenticate
	Origins []string // of web pages that may call; exact, such as https://example.org
	Routes  []Route

	// Authenticate says who calls. Its error is the answer.
	Authenticate func(*http.Request) (Caller, error)
	// Limit counts a call by caller or, for nobody, by address; it writes the
	// headers that say so. Its error is the answer. A call whose caller could
	// not prove who they are is counted by Guesses before it is refused.
	Limit   func(w http.ResponseWriter, r *http.Request, policy string, c Caller) error
	Guesses string

	// Default is the op of a POST / that names none: a caller that can give
	// neither path nor op, such as a schedule or a topic, means that. "" refuses it.
	Default string
}

// Caller is who calls, once they have proved it.
type Caller struct {
	ID     string
	Email  string
	Roles  []string
	Key    string   // the id of the API key that was used; "" for a person's token
	Scopes []string // of the API key
}

// Has reports whether the caller has a role.
func (c Caller) Has(role string) bool { return contains(c.Roles, role) }

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

type callerKey struct{}

// From gives the caller of a request that a route serves; the zero Caller is
// nobody.
func From(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// ServeHTTP answers one call. Errors are RFC 9457 problems, or what the client
// asks for instead (see envelope).
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.cors(w, r) {
		return
	}
	if c, ok := trace.Of(r.Header); ok {
		r = r.WithContext(trace.With(r.Context(), c))
	}
	if err := a.serve(w, r); err != nil {
		a.fail(w, r, err)
	}
}

func (a *API) serve(w http.ResponseWriter, r *http.Request) (err error) {
	if r.Method == http.MethodPost && r.URL.Path == "/" {
		if r, err = a.named(w, r); err != nil {
			return err
		}
	}
	route, err := a.match(w, r)
	if err != nil || route == nil {
		return err
	}
	var c Caller
	if !route.Public {
		if c, err = a.Authenticate(r); err != nil {
			if fault.Of(err).Kind == fault.Unauthorized {
				if over := a.Limit(w, r, a.Guesses, Caller{}); over != nil {
					return over
				}
			}
			return err
		}
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
	}
	if route.Limit != "" {
		if err := a.Limit(w, r, route.Limit, c); err != nil {
			return err
		}
	}
	if !route.Public {
		if err := route.allows(c); err != nil {
			slog.Info("refused", "code", fault.Of(err).Code, "caller", c.ID, "call_id", r.Header.Get(wire.CallID))
			return err
		}
	}
	if route.MaxBody > 0 {
		if err := route.body(w, r); err != nil {
			return err
		}
	}
	route.age(w.Header())
	return route.Serve(w, r)
}

func (route *Route) allows(c Caller) error {
	if route.Role != "" && !c.Has(route.Role) {
		return fault.New(fault.Forbidden, "role_missing", "this needs the role %s", route.Role)
	}
	if c.Key != "" && (route.Scope == "" || !contains(c.Scopes, route.Scope)) {
		return fault.New(fault.Forbidden, "scope_missing", "the API key does not have the scope that this needs: %q", route.Scope)
	}
	return nil
}

// body reads and checks what was sent, and gives it back to the request.
func (route *Route) body(w http.ResponseWriter, r *http.Request) error {
	if route.Check != nil && !jsonType(r.Header.Get("Content-Type")) {
		return fault.New(fault.Unsupported, "not_json", "send JSON, with Content-Type: application/json")
	}
	body, err := wire.Body(w, r, route.MaxBody)
	if err != nil {
		return err
	}
	if route.Check != nil {
		if err := route.Check(body); err != nil {
			return err
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// jsonType accepts JSON by its names, and what clients say that do not name it:
// faas-cli sends text/plain, others nothing.
func jsonType(t string) bool {
	if t == "" {
		return true
	}
	name, _, err := mime.ParseMediaType(t)
	return err == nil && (name == "application/json" || strings.HasSuffix(name, "+json") || name == "text/plain" || name == "application/octet-stream")
}

// Decode reads the body that the route has checked.
func Decode(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	return wire.Decode(body, v)
}

// age says when a route goes.
func (route *Route) age(h http.Header) {
	if !route.Deprecated.IsZero() {
		h.Set("Deprecation", fmt.Sprintf("@%d", route.Deprecated.Unix()))
	}
	if !route.Sunset.IsZero() {
		h.Set("Sunset", route.Sunset.UTC().Format(http.TimeFormat))
	}
	if route.Successor != "" {
		h.Set("Link", "<"+route.Successor+`>; rel="successor-version"`)
	}
}

// fail answers with an error.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	if f.Kind == fault.Unauthorized {
		challenge := fmt.Sprintf("Bearer realm=%q", a.Name)
		if f.Code != "no_credentials" {
			challenge += `, error="invalid_token"` // RFC 6750 section 3.1
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	if wantsEnvelope(r.Header) {
		w = &envelope{ResponseWriter: w, message: f.Detail}
	}
	wire.Fail(w, r, err)
}
