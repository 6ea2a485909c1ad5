package token

import (
	"net/http"
	"strings"

	"fnstore/kit/fault"
)

// Bearer gives the token of a request's Authorization header (RFC 6750 section
// 2.1). The scheme may be in any case; two headers are refused, since two
// readers could take different ones.
func Bearer(h http.Header) (string, error) {
	values := h.Values("Authorization")
	switch {
	case len(values) == 0:
		return "", fault.New(fault.Unauthorized, "no_credentials", "Missing authorization header")
	case len(values) > 1:
		return "", badHeader()
	}
	scheme, raw, ok := strings.Cut(values[0], " ")
	raw = strings.TrimLeft(raw, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || raw == "" || strings.ContainsAny(raw, " ,\t") {
		return "", badHeader()
	}
	return raw, nil
}

func badHeader() error {
	return fault.New(fault.Unauthorized, "bad_authorization", "Invalid authorization header")
}
