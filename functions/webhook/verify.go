package function

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far a signature's time may be from ours.
const tolerance = 5 * time.Minute

const maxID = 200 // bytes of a delivery's id

// scheme is how one kind of sender proves a webhook. verify returns the id by
// which a delivery is known when it comes again.
type scheme struct {
	name   string
	verify func(h http.Header, body []byte, key []byte, now time.Time) (id string, err error)
	key    func(text string) ([]byte, error)
}

var schemes = []scheme{
	{"github", github, plain},
	{"stripe", stripe, plain},
	{"generic", generic, standardKey},
}

func plain(text string) ([]byte, error) { return []byte(text), nil }

var errMatch = errors.New("no signature matches")

// github checks X-Hub-Signature-256 (GitHub: Validating webhook deliveries). It
// has no time in it: that a delivery is known is what keeps it from being
// replayed.
func github(h http.Header, body, key []byte, _ time.Time) (string, error) {
	sent, err := one(h, "X-Hub-Signature-256")
	if err != nil {
		return "", err
	}
	digest, ok := strings.CutPrefix(sent, "sha256=")
	if got, err := hex.DecodeString(digest); !ok || err != nil || !hmac.Equal(got, mac(key, body)) {
		return "", errMatch
	}
	return known(body), nil
}

// known is the id of a delivery whose own id is outside of the signature or new
// at each attempt: the same bytes are the same delivery.
func known(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// stripe checks Stripe-Signature, t=…,v1=…[,v1=…] (Stripe: Verify webhook
// signatures). A rotation of theirs sends two.
func stripe(h http.Header, body, key []byte, now time.Time) (string, error) {
	sent, err := one(h, "Stripe-Signature")
	if err != nil {
		return "", err
	}
	var at string
	var signatures []string
	for item := range strings.SplitSeq(sent, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(item), "="); name {
		case "t":
			if at != "" {
				return "", errors.New("two times")
			}
			at = value
		case "v1":
			signatures = append(signatures, value)
		}
	}
	if err := near(at, now); err != nil {
		return "", err
	}
	want := mac(key, []byte(at), []byte("."), body)
	for _, s := range signatures {
		if got, err := hex.DecodeString(s); err == nil && hmac.Equal(got, want) {
			return known(body), nil
		}
	}
	return "", errMatch
}

// generic checks the headers of Standard Webhooks 1.0: v1,BASE64 signatures
// with spaces between them, over id, time and body.
func generic(h http.Header, body, key []byte, now time.Time) (string, error) {
	id, err := one(h, "Webhook-Id")
	if err != nil {
		return "", err
	}
	at, err := one(h, "Webhook-Timestamp")
	if err != nil {
		return "", err
	}
	sent, err := one(h, "Webhook-Signature")
	if err != nil {
		return "", err
	}
	if err := near(at, now); err != nil {
		return "", err
	}
	want := mac(key, []byte(id), []byte("."), []byte(at), []byte("."), body)
	for s := range strings.FieldsSeq(sent) {
		text, ok := strings.CutPrefix(s, "v1,")
		if got, err := base64.StdEncoding.DecodeString(text); ok && err == nil && hmac.Equal(got, want) {
			return id, nil
		}
	}
	return "", errMatch
}

// standardKey is whsec_BASE64, or the bytes as they are.
func standardKey(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	if !ok {
		return []byte(text), nil
	}
	return base64.StdEncoding.DecodeString(encoded)
}

func mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// one gives a header that is there exactly once.
func one(h http.Header, name string) (string, error) {
	values := h.Values(name)
	if len(values) != 1 || values[0] == "" || len(values[0]) > 4096 {
		return "", fmt.Errorf("%d headers %s", len(values), name)
	}
	if strings.HasSuffix(name, "-Id") && len(values[0]) > maxID {
		return "", fmt.Errorf("%s is too long", name)
	}
	return values[0], nil
}

// near reports an error for a time that is too far from now in either direction.
func near(text string, now time.Time) error {
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return errors.New("no time")
	}
	if d := now.Unix() - at; d > int64(tolerance/time.Second) || -d > int64(tolerance/time.Second) {
		return fmt.Errorf("%d seconds old", d)
	}
	return nil
}
