// Package trace is W3C Trace Context (https://www.w3.org/TR/trace-context/,
// level 1): the ids that tie together the calls and messages of one journey. It
// does not record anything.
package trace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
)

// Headers of the recommendation, in the form that http.Header has for them.
const (
	Header      = "Traceparent" // section 3.2
	HeaderState = "Tracestate"  // section 3.3; means nothing without a good Traceparent
)

// ID names a whole journey. The zero ID is none.
type ID [16]byte

// SpanID names one step of it. The zero SpanID is none.
type SpanID [8]byte

// Flag bits (section 3.2.2.5).
const Sampled byte = 1 // whoever is before us may have recorded it

// Context is what one step hands to the next.
type Context struct {
	Trace ID
	Span  SpanID // the step that calls
	Flags byte
}

func (t ID) String() string     { return hex.EncodeToString(t[:]) }
func (s SpanID) String() string { return hex.EncodeToString(s[:]) }

// Valid reports whether both ids are there.
func (c Context) Valid() bool { return c.Trace != ID{} && c.Span != SpanID{} }

// String is the value of Header.
func (c Context) String() string {
	const digits = "0123456789abcdef"
	var b [length]byte
	b[0], b[1], b[2], b[35], b[52] = '0', '0', '-', '-', '-'
	hex.Encode(b[3:35], c.Trace[:])
	hex.Encode(b[36:52], c.Span[:])
	b[53], b[54] = digits[c.Flags>>4], digits[c.Flags&15]
	return string(b[:])
}

// length of a version 00 value, in bytes.
const length = 55

// Parse reads a value of Header. A version that is not known is read as far as
// version 00 goes (section 3.2.2.1); false means that there is none.
func Parse(s string) (c Context, ok bool) {
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return Context{}, false
	}
	if len(s) > length && (s[:2] == "00" || s[length] != '-') {
		return Context{}, false
	}
	var version, flags [1]byte
	if !decode(version[:], s[:2]) || version[0] == 0xff || !decode(c.Trace[:], s[3:35]) || !decode(c.Span[:], s[36:52]) || !decode(flags[:], s[53:55]) {
		return Context{}, false
	}
	if c.Flags = flags[0]; !c.Valid() {
		return Context{}, false
	}
	return c, true
}

// decode reads lower case hexadecimal: the recommendation has no other.
func decode(to []byte, s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	_, err := hex.Decode(to, []byte(s))
	return err == nil
}

// Of reads the headers of a request or of a message. Two values are none
// (section 3.2: the header is there once).
func Of(h http.Header) (Context, bool) {
	v := h[Header]
	if len(v) != 1 {
		return Context{}, false
	}
	return Parse(v[0])
}

// New begins a journey. Its ids are random and guard nothing.
func New() Context {
	c := Context{Span: NewSpan(), Flags: Sampled}
	put(c.Trace[:8], rand.Uint64())
	put(c.Trace[8:], rand.Uint64()|1) // never zero
	return c
}

// NewSpan makes the id of a step.
func NewSpan() (s SpanID) {
	put(s[:], rand.Uint64()|1)
	return s
}

func put(b []byte, n uint64) {
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
}

// Child is the same journey, called by a new step.
func (c Context) Child() Context {
	c.Span = NewSpan()
	return c
}

// OfCall is the journey of a message that came without one: all who deliver the
// message find the same.
func OfCall(callID string) Context {
	sum := sha256.Sum256([]byte("fnstore call " + callID))
	c := Context{Flags: Sampled}
	copy(c.Trace[:], sum[:16])
	copy(c.Span[:], sum[16:24])
	return c
}

type key struct{}

// With keeps the step that works within ctx.
func With(ctx context.Context, c Context) context.Context { return context.WithValue(ctx, key{}, c) }

// From gives the step that works within ctx.
func From(ctx context.Context) (Context, bool) {
	c, ok := ctx.Value(key{}).(Context)
	return c, ok
}

// Keep gives the headers of a message that is written within ctx: with the step's
// context, unless they say another. It does not change h.
func Keep(ctx context.Context, h map[string][]string) map[string][]string {
	c, ok := From(ctx)
	if !ok {
		return h
	}
	if _, there := h[Header]; there {
		return h
	}
	out := make(map[string][]string, len(h)+1)
	for name, values := range h {
		out[name] = values
	}
	out[Header] = []string{c.String()}
	return out
}
