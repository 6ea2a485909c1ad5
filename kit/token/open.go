package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"fnstore/kit/wire"
)

// headerNames are those that mean something in a token's header.
var headerNames = []string{"alg", "typ", "kid", "crit", "b64", "cty", "enc", "zip", "jku", "jwk", "x5u", "x5c"}

// refusedHeaders change how a token is read (crit, b64: RFC 7797; enc, zip: RFC
// 7516; cty: a token inside a token) or bring a key of the sender's (RFC 8725
// section 3.10).
var refusedHeaders = []string{"crit", "b64", "cty", "enc", "zip", "jku", "jwk", "x5u", "x5c"}

// open checks the form and the signature of a compact JWS (RFC 7515 section
// 7.1) and gives its payload. Of the header, alg and kid choose among keys and
// nothing else counts.
func open(raw string, keys []Key) (payload []byte, err error) {
	if len(raw) > MaxLength {
		return nil, fmt.Errorf("it has %d bytes", len(raw))
	}
	part := strings.Split(raw, ".")
	if len(part) != 3 {
		return nil, fmt.Errorf("it has %d parts", len(part))
	}
	var decoded [3][]byte
	for i, p := range part {
		if decoded[i], err = strictBase64(p); err != nil {
			return nil, fmt.Errorf("part %d: %w", i, err)
		}
	}
	h, err := header(decoded[0])
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if len(decoded[2]) == 0 {
		return nil, errors.New("no signature")
	}
	signed := raw[:len(part[0])+1+len(part[1])]
	found := false
	for _, k := range keys {
		if k.ID != h.Kid || k.alg != h.Alg {
			continue
		}
		found = true
		if jwt.GetSigningMethod(k.alg).Verify(signed, decoded[2], k.verify) == nil {
			return decoded[1], nil
		}
	}
	if !found {
		return nil, errors.New("no key for this alg and kid")
	}
	return nil, errors.New("the signature does not match")
}

// head is what is read of a header.
type head struct {
	Alg string `json:"alg"`
	Typ string `json:"typ"`
	Kid string `json:"kid"`
}

func header(raw []byte) (h head, err error) {
	members, err := object(raw, headerNames)
	if err != nil {
		return h, err
	}
	for _, name := range refusedHeaders {
		if _, ok := members[name]; ok {
			return h, fmt.Errorf("%s is refused", name)
		}
	}
	for _, name := range []string{"typ", "kid"} {
		if string(members[name]) == "null" {
			return h, fmt.Errorf("%s is null", name)
		}
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		return h, err
	}
	if _, ok := members["typ"]; ok && !strings.EqualFold(h.Typ, "JWT") && !strings.EqualFold(h.Typ, "at+jwt") {
		return h, errors.New("typ is not JWT")
	}
	if _, ok := members["kid"]; ok && h.Kid == "" {
		return h, errors.New("kid is empty")
	}
	return h, nil
}

// strictBase64 reads base64url without padding (RFC 7515 section 2): no line
// breaks, which encoding/base64 passes over, and no second spelling of the last
// character.
func strictBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("a line break")
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// object reads a JSON object in which no member is there twice, in whatever
// case, and none of the names that count is written in another case.
func object(raw []byte, names []string) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errors.New("not an object")
	}
	if name, twice := wire.Repeated(raw); twice {
		return nil, fmt.Errorf("%.32q is there twice", name)
	}
	for have := range members {
		for _, name := range names {
			if have != name && strings.EqualFold(have, name) {
				return nil, fmt.Errorf("%.32q is not %s", have, name)
			}
		}
	}
	return members, nil
}
