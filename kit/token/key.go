package token

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"fnstore/kit/wire"
)

// MinSecret is the shortest secret for HS256, in bytes (RFC 7518 section 3.2).
const MinSecret = 32

// The algorithms. Nothing else is ever accepted.
const (
	edDSA = "EdDSA"
	hs256 = "HS256"
)

// Key checks tokens, and signs them if it was made by FromSeed or FromSecret. It
// is for one algorithm: a header cannot choose another one for it.
type Key struct {
	ID     string // the header's kid; empty for HS256, whose tokens have none
	alg    string
	verify any // ed25519.PublicKey or []byte
	sign   any // ed25519.PrivateKey or []byte; nil when it only checks
}

// FromSeed makes an EdDSA key pair of 32 bytes in hex. Its ID is the key's
// thumbprint (RFC 7638), so equal seeds have equal IDs everywhere.
func FromSeed(seed string) (Key, error) {
	b, err := hex.DecodeString(seed)
	if err != nil || len(b) != ed25519.SeedSize {
		return Key{}, errors.New("a token key is 32 bytes in hex") // never with the value
	}
	private := ed25519.NewKeyFromSeed(b)
	k := edKey(private.Public().(ed25519.PublicKey))
	k.sign = private
	return k, nil
}

func edKey(public ed25519.PublicKey) Key {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`))
	return Key{ID: base64.RawURLEncoding.EncodeToString(sum[:]), alg: edDSA, verify: public}
}

// FromSecret makes an HS256 key of a secret of MinSecret bytes or more. Whoever
// checks tokens with it can make them too.
func FromSecret(secret string) (Key, error) {
	if len(secret) < MinSecret {
		return Key{}, fmt.Errorf("an HS256 secret has %d bytes or more", MinSecret)
	}
	return Key{alg: hs256, verify: []byte(secret), sign: []byte(secret)}, nil
}

// jwk is a key in a set (RFC 7517, RFC 8037).
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv,omitempty"`
	Alg string `json:"alg,omitempty"`
	Use string `json:"use,omitempty"`
	Kid string `json:"kid,omitempty"`
	X   string `json:"x,omitempty"`
	K   string `json:"k,omitempty"`
}

// PublicSet is the JSON of the public halves of EdDSA keys, for
// /.well-known/jwks.json (RFC 7517 section 5). Other keys are left out.
func PublicSet(keys ...Key) []byte {
	set := struct {
		Keys []jwk `json:"keys"`
	}{[]jwk{}}
	for _, k := range keys {
		if public, ok := k.verify.(ed25519.PublicKey); ok {
			set.Keys = append(set.Keys, jwk{Kty: "OKP", Crv: "Ed25519", Alg: edDSA, Use: "sig", Kid: k.ID, X: base64.RawURLEncoding.EncodeToString(public)})
		}
	}
	b, _ := json.Marshal(set) // strings: cannot fail
	return b
}

// ParseSet reads a JWK set. Keys of kinds that are not used here are passed
// over; a set that is left empty, mixes public and shared keys, or names two
// keys alike is an error.
func ParseSet(raw []byte) ([]Key, error) {
	if !json.Valid(raw) {
		return nil, errors.New("key set: not JSON")
	}
	if name, twice := wire.Repeated(raw); twice {
		return nil, fmt.Errorf("key set: %.32q is there twice", name)
	}
	var set struct{ Keys []jwk }
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("key set: not an object with keys")
	}
	var keys []Key
	seen, kinds := map[string]bool{}, map[string]bool{}
	for _, j := range set.Keys {
		kinds[j.Kty] = true
		if j.Kid != "" && seen[j.Kid] {
			return nil, errors.New("key set: two keys have the same kid")
		}
		seen[j.Kid] = true
		if k, ok := j.key(); ok {
			keys = append(keys, k)
		}
	}
	switch {
	case kinds["oct"] && len(kinds) > 1:
		return nil, errors.New("key set: shared keys beside public ones")
	case len(keys) == 0:
		return nil, errors.New("key set: no key that is used here")
	}
	return keys, nil
}

func (j jwk) key() (Key, bool) {
	if j.Use != "" && j.Use != "sig" {
		return Key{}, false
	}
	switch {
	case j.Kty == "OKP" && j.Crv == "Ed25519" && (j.Alg == "" || j.Alg == edDSA || j.Alg == "Ed25519"):
		x, err := strictBase64(j.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return Key{}, false
		}
		k := edKey(x)
		if j.Kid != "" {
			k.ID = j.Kid
		}
		return k, true
	case j.Kty == "oct" && j.Alg == hs256:
		secret, err := strictBase64(j.K)
		if err != nil {
			return Key{}, false
		}
		k, err := FromSecret(string(secret))
		k.ID = j.Kid
		return k, err == nil
	}
	return Key{}, false
}

// Set gives the keys of a key set that read returns, as a Verifier asks for
// them. A set is parsed again when it has changed, so keys rotate without a
// restart.
func Set(read func() (string, error)) func() ([]Key, error) {
	var mu sync.Mutex
	var text string
	var keys []Key
	return func() ([]Key, error) {
		now, err := read()
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		if now == text && keys != nil {
			return keys, nil
		}
		parsed, err := ParseSet([]byte(now))
		if err != nil {
			return nil, err
		}
		text, keys = now, parsed
		return keys, nil
	}
}
