// Package caller proves who made a call. The event plane signs each call it
// makes to a function; a function with effects refuses calls without that
// proof, since /function/* is open to everyone. It does not know what the call
// is for, and says nothing about a person's identity.
package caller

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/secret"
)

// Header carries the signature: "t=<unix seconds>,v1=<hex HMAC-SHA256>".
const Header = "X-Fnstore-Signature"

// Secret is the name of the shared key. While it is rotated its value has two
// keys, one a line: the first signs, and both are accepted. So is Previous, which
// is for platforms where another one rotates.
const (
	Secret   = "event-key"
	Previous = "event-key-previous"
)

// Tolerance is how far a signature's time may be from ours.
const Tolerance = 5 * time.Minute

// minKey is the shortest key accepted, in bytes: the output size of the hash
// (RFC 2104 section 3).
const minKey = 32

// callID is the header that binds a signature to one call.
const callID = "X-Call-Id"

// Sign sets the signature of a call on h. The target is the path the function
// will see, escaped, with the query: a function may route by either. The body
// is the whole body. Of a key with several lines the first signs.
func Sign(h http.Header, key, method, target string, body []byte, now time.Time) {
	if all := Keys(key); len(all) > 0 {
		key = all[0]
	}
	t := strconv.FormatInt(now.Unix(), 10)
	h.Set(Header, "t="+t+",v1="+hex.EncodeToString(mac(key, t, method, target, h.Get(callID), body)))
}

// Target is what the function sees of a gateway's URL, /function/NAME/a?b: the
// part to sign, /a?b.
func Target(u *url.URL) string {
	rest := strings.TrimPrefix(u.RequestURI(), "/function/")
	end := strings.IndexAny(rest, "/?")
	switch {
	case end < 0:
		return "/"
	case rest[end] == '?':
		return "/" + rest[end:]
	}
	return rest[end:]
}

// mac covers every part that decides what a call does. Parts are joined by
// newlines, which none of them can hold: method and call id are tokens, and a
// target is part of a request line.
func mac(key, t, method, target, id string, body []byte) []byte {
	sum := sha256.Sum256(body)
	m := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(m, "%s\n%s\n%s\n%s\n%x", t, method, target, id, sum)
	return m.Sum(nil)
}

// Verify reads the request's body, at most limit bytes, checks the signature
// against the mounted keys and gives the body back to the request. The error
// is a fault: Unauthorized without a proof that holds, TooLarge over the
// limit, Unavailable when no key is mounted.
func Verify(r *http.Request, limit int64) error {
	keys, err := keys()
	if err != nil {
		return fault.New(fault.Unavailable, "no_event_key", "the key that proves a call is not mounted").Because(err)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return fault.New(fault.Invalid, "body_unreadable", "the body ended early").Because(err)
	}
	if int64(len(body)) > limit {
		return fault.New(fault.TooLarge, "body_too_large", "the body is longer than %d bytes", limit)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := check(r, keys, body, time.Now()); err != nil {
		return fault.New(fault.Unauthorized, "unsigned_call", "this function takes calls of the event plane only; fnstore invoke signs one").Because(err)
	}
	return nil
}

// errSignature says which part of the proof failed; it is for the log only.
var errSignature = errors.New("signature")

func check(r *http.Request, keys []string, body []byte, now time.Time) error {
	target := r.RequestURI // byte for byte what came
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI()
	}
	return Check(r.Header, keys, r.Method, target, body, now)
}

// Check tells whether h carries a signature of this call that one of the keys
// made, no further than Tolerance from now. It is for one who holds the keys
// and the body already; a function calls Verify. The error is for the log: it
// says which part of the proof failed.
func Check(h http.Header, keys []string, method, target string, body []byte, now time.Time) error {
	values := h.Values(Header)
	if len(values) != 1 {
		return fmt.Errorf("%w: %d headers", errSignature, len(values))
	}
	t, v1, ok := strings.Cut(values[0], ",")
	t, isT := strings.CutPrefix(t, "t=")
	v1, isV := strings.CutPrefix(v1, "v1=")
	if !ok || !isT || !isV {
		return fmt.Errorf("%w: not t=,v1=", errSignature)
	}
	at, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: bad time", errSignature)
	}
	if d := now.Unix() - at; d > int64(Tolerance.Seconds()) || -d > int64(Tolerance.Seconds()) {
		return fmt.Errorf("%w: %d seconds old", errSignature, d)
	}
	got, err := hex.DecodeString(v1)
	if err != nil {
		return fmt.Errorf("%w: not hex", errSignature)
	}
	for _, key := range keys {
		if len(key) >= minKey && hmac.Equal(got, mac(key, t, method, target, h.Get(callID), body)) {
			return nil
		}
	}
	return fmt.Errorf("%w: does not match", errSignature)
}

// Keys are the keys of a secret's value, one a line.
func Keys(value string) (keys []string) {
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line != "" {
			keys = append(keys, line)
		}
	}
	return keys
}

func keys() ([]string, error) {
	key, err := secret.Read(Secret)
	if err != nil {
		return nil, err
	}
	keys := Keys(key)
	if old, err := secret.Read(Previous); err == nil {
		keys = append(keys, Keys(old)...)
	}
	for _, k := range keys {
		if len(k) < minKey {
			return nil, fmt.Errorf("an event key is shorter than %d bytes", minKey)
		}
	}
	return keys, nil
}
