package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// maxNamed bounds the body of a call by name until its route is known.
const maxNamed = 1 << 20

// named makes the request of a route of a call to POST / that names it: clients
// such as faas-cli invoke can give no path. The name is op in the query, and the
// other members of the query are those of the path; or it is the member op of a
// JSON object, whose members fill the path first, then the query of a route
// without a body, or else are the body.
func (a *API) named(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	for i := range a.Routes {
		if a.Routes[i].Method == http.MethodPost && a.Routes[i].Path == "/" {
			return r, nil
		}
	}
	query := r.URL.Query()
	if op := query.Get("op"); op != "" {
		query.Del("op")
		return a.as(r, op, query, nil)
	}
	body, err := wire.Body(w, r, maxNamed)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	var op string
	if json.Unmarshal(body, &members) != nil || json.Unmarshal(members["op"], &op) != nil {
		if a.Default != "" && members["op"] == nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
			return a.as(r, a.Default, query, nil)
		}
		return nil, fault.New(fault.Invalid, "no_op", "name what to do by ?op= or the member op: %s", a.ops())
	}
	if name, twice := wire.Repeated(body); twice {
		return nil, fault.New(fault.Invalid, "duplicate_member", "the body has the member %.64q twice", name)
	}
	delete(members, "op")
	return a.as(r, op, query, members)
}

func (a *API) ops() string {
	var list []string
	for _, route := range a.Routes {
		if route.Op != "" {
			list = append(list, route.Op)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// as is the request that r means by op.
func (a *API) as(r *http.Request, op string, query url.Values, members map[string]json.RawMessage) (*http.Request, error) {
	at := slices.IndexFunc(a.Routes, func(route Route) bool { return route.Op == op && op != "" })
	if at < 0 {
		return nil, fault.New(fault.Invalid, "unknown_op", "there is no op %.64q; there are %s", op, a.ops())
	}
	route := &a.Routes[at]
	segments := strings.Split(route.Path, "/")
	for i, s := range segments {
		name, ok := wildcard(s)
		if !ok {
			continue
		}
		value := query.Get(name)
		if raw, ok := members[name]; ok {
			value = scalar(raw)
			delete(members, name)
		}
		query.Del(name)
		if value == "" {
			return nil, fault.New(fault.Invalid, "member_missing", "%s needs %s", op, name)
		}
		segments[i] = url.PathEscape(value)
	}
	escaped := strings.Join(segments, "/")
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, fault.New(fault.Invalid, "bad_member", "a member cannot be part of a path")
	}
	next := r.Clone(r.Context())
	next.Method = route.Method
	next.URL.Path, next.URL.RawPath = path, escaped
	if members != nil {
		next.Body = http.NoBody
		if route.MaxBody > 0 {
			body, err := json.Marshal(members)
			if err != nil {
				return nil, err
			}
			next.Body = io.NopCloser(bytes.NewReader(body))
			next.Header.Set("Content-Type", "application/json")
		} else {
			for name, raw := range members {
				query.Set(name, scalar(raw))
			}
		}
	}
	next.URL.RawQuery = query.Encode()
	return next, nil
}

// scalar is the text of a string, a number or a boolean.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return strings.TrimSpace(string(raw))
}
