package server

import (
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"time"
)

// Headers of the contract. The keys of a header map are used as they are, so
// those below must be in net/http's canonical form, except internalHeader: it
// is only ever written, and clients print it like this.
const (
	callIDHeader   = "X-Call-Id"
	timeoutHeader  = "X-Timeout"
	durationHeader = "X-Duration-Seconds"
	traceHeader    = "Traceparent"
	internalHeader = "X-OpenFaaS-Internal"
)

// maxCallID is the longest call id accepted, in bytes.
const maxCallID = 64

// takeCallID gives the request's call id, and gives the request one when it
// has none, several, or one that does not match ^[A-Za-z0-9-]{1,64}$.
func takeCallID(h http.Header) string {
	if v := h[callIDHeader]; len(v) == 1 && validCallID(v[0]) {
		return v[0]
	}
	id := newCallID()
	h[callIDHeader] = []string{id}
	return id
}

func validCallID(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-':
		default:
			return false
		}
	}
	return len(s) > 0 && len(s) <= maxCallID
}

// newCallID is a random UUID (RFC 9562 section 5.4). It names a call and
// guards nothing.
func newCallID() string {
	a, b := rand.Uint64(), rand.Uint64()
	var raw [16]byte
	for i := 0; i < 8; i++ {
		raw[i], raw[i+8] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	var s [36]byte
	hex.Encode(s[0:8], raw[0:4])
	hex.Encode(s[9:13], raw[4:6])
	hex.Encode(s[14:18], raw[6:8])
	hex.Encode(s[19:23], raw[8:10])
	hex.Encode(s[24:36], raw[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// shorter gives the time limit of one call: the caller's X-Timeout when it is
// a Go duration above zero and below limit, else limit. A limit of 0 is none.
func shorter(h http.Header, limit time.Duration) time.Duration {
	v := h[timeoutHeader]
	if len(v) != 1 {
		return limit
	}
	d, err := time.ParseDuration(v[0])
	if err != nil || d <= 0 || limit > 0 && d > limit {
		return limit
	}
	return d
}

// traceID gives the trace id of a W3C traceparent header (Trace Context, level
// 1, section 3.2), or nothing when the header is absent or malformed.
func traceID(h http.Header) string {
	v := h[traceHeader]
	if len(v) != 1 {
		return ""
	}
	s := v[0]
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' ||
		s[:2] == "ff" || s[:2] == "00" && len(s) != 55 || len(s) > 55 && s[55] != '-' {
		return ""
	}
	id := s[3:35]
	if !lowerHex(s[:2]) || !lowerHex(id) || !lowerHex(s[36:52]) || !lowerHex(s[53:55]) ||
		zeros(id) || zeros(s[36:52]) {
		return ""
	}
	return id
}

func lowerHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func zeros(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '0' {
			return false
		}
	}
	return true
}
