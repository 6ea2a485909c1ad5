package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fnstore/kit/fault"
)

// match finds the route of a request and gives it the values of its path. There
// is no cleaning and no redirect: a path is a route's or it is not found. A nil
// route without an error is a call that has been answered.
func (a *API) match(w http.ResponseWriter, r *http.Request) (*Route, error) {
	var allowed []string
	for i := range a.Routes {
		route := &a.Routes[i]
		values, ok := fits(route.Path, r.URL.EscapedPath())
		if !ok {
			continue
		}
		if route.Method == r.Method || route.Method == http.MethodGet && r.Method == http.MethodHead {
			for name, v := range values {
				r.SetPathValue(name, v)
			}
			return route, nil
		}
		allowed = append(allowed, route.Method)
		if route.Method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	if len(allowed) == 0 {
		return nil, fault.New(fault.NotFound, "no_endpoint", "Endpoint not found")
	}
	slices.Sort(allowed)
	w.Header().Set("Allow", strings.Join(append(slices.Compact(allowed), http.MethodOptions), ", "))
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return nil, nil
	}
	return nil, fault.New(fault.NotAllowed, "method_not_allowed", "this endpoint has other methods: see Allow")
}

// fits compares a path, segment by segment, with a route's.
func fits(pattern, path string) (values map[string]string, ok bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return nil, false
	}
	for i, w := range want {
		segment, err := url.PathUnescape(have[i])
		if err != nil {
			return nil, false
		}
		name, isName := wildcard(w)
		switch {
		case !isName && segment != w, isName && segment == "":
			return nil, false
		case isName && values == nil:
			values = map[string]string{}
			fallthrough
		case isName:
			values[name] = segment
		}
	}
	return values, true
}

func wildcard(segment string) (name string, ok bool) {
	if len(segment) > 2 && segment[0] == '{' && segment[len(segment)-1] == '}' {
		return segment[1 : len(segment)-1], true
	}
	return "", false
}
