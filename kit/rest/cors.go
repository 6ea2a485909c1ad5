package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-API-Key"
	corsExposed = "Deprecation, ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, Sunset, X-Call-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
	corsMaxAge  = "600" // seconds that a browser remembers the answer
)

// ParseOrigins reads a list of origins with commas between them. There is no
// word for all of them: a page that may call is named.
func ParseOrigins(text string) (list []string, err error) {
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		u, err := url.Parse(item)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != item {
			return nil, fmt.Errorf("origins: %q is not an origin, such as https://example.org", item)
		}
		list = append(list, item)
	}
	return list, nil
}

// cors writes the headers for a page that may call, on every answer that
// follows, and answers a preflight (Fetch standard, CORS protocol).
func (a *API) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	known := origin != "" && contains(a.Origins, origin)
	if known {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", corsExposed)
	}
	if r.Method != http.MethodOptions || origin == "" || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	if known {
		h.Set("Access-Control-Allow-Methods", strings.Join(a.methods(), ", "))
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", corsMaxAge)
		h.Add("Vary", "Access-Control-Request-Method")
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

func (a *API) methods() (list []string) {
	for _, route := range a.Routes {
		list = append(list, route.Method)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
