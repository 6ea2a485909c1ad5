// Package identity tells who sends a request: a person by an access token in
// Authorization, a program by an API key in X-API-Key. It does not know what
// they may do.
package identity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/token"
	"fnstore/kit/wire"
)

// KeyHeader carries an API key.
const KeyHeader = "X-API-Key"

// KeyPrefix begins every API key, so that one that leaks can be found.
const KeyPrefix = "fns_"

// The names that token settings have when the environment gives no others.
const (
	DefaultIssuer   = "fnstore-auth"
	DefaultAudience = "fnstore"
)

// Verifier makes the verifier of a function: token_issuer and token_audience
// from its environment; the secret token-jwks, or with token_alg HS256 the
// secret token-secret, from read.
func Verifier(getenv func(string) string, read func(name string) (string, error)) (*token.Verifier, error) {
	v := &token.Verifier{Issuer: or(getenv("token_issuer"), DefaultIssuer), Audience: or(getenv("token_audience"), DefaultAudience)}
	switch alg := getenv("token_alg"); alg {
	case "", "EdDSA":
		v.Keys = token.Set(func() (string, error) { return read("token-jwks") })
	case "HS256":
		v.Keys = func() ([]token.Key, error) { return Shared(read) }
	default:
		return nil, fmt.Errorf("token_alg %q is neither EdDSA nor HS256", alg)
	}
	return v, nil
}

// Shared gives the HS256 keys of the secret token-secret: one a line, the first
// one signs, and all are accepted while they rotate.
func Shared(read func(name string) (string, error)) (keys []token.Key, err error) {
	text, err := read("token-secret")
	if err != nil {
		return nil, err
	}
	for line := range strings.FieldsSeq(text) {
		k, err := token.FromSecret(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Source authenticates requests.
type Source struct {
	Verifier *token.Verifier
	Keys     *pg.DB // where fn_auth.key_of is; nil when API keys are not taken
}

// Caller says who sends r. Every proof that does not hold is the same fault.
func (s *Source) Caller(r *http.Request) (rest.Caller, error) {
	if keys := r.Header.Values(KeyHeader); len(keys) > 0 && s.Keys != nil {
		if len(keys) > 1 || len(r.Header.Values("Authorization")) > 0 {
			return rest.Caller{}, fault.New(fault.Unauthorized, "bad_authorization", "Invalid authorization header")
		}
		return ByKey(r.Context(), s.Keys, keys[0])
	}
	raw, err := token.Bearer(r.Header)
	if err != nil {
		return rest.Caller{}, err
	}
	c, err := s.Verifier.Check(raw)
	if err != nil {
		if why := token.Reason(err); why != "" {
			slog.Debug("token refused", "why", why, "call_id", r.Header.Get(wire.CallID))
		}
		return rest.Caller{}, err
	}
	return rest.Caller{ID: c.Subject, Email: c.Email, Roles: c.Roles, Key: c.KeyID, Scopes: strings.Fields(c.Scope)}, nil
}

// maxKey bounds an API key, in bytes.
const maxKey = 200

// ByKey finds the caller that an API key stands for.
func ByKey(ctx context.Context, db *pg.DB, key string) (rest.Caller, error) {
	refused := fault.New(fault.Unauthorized, "invalid_token", "Invalid token")
	if !strings.HasPrefix(key, KeyPrefix) || len(key) > maxKey {
		return rest.Caller{}, refused
	}
	sum := sha256.Sum256([]byte(key))
	rows, err := pg.All[struct {
		ID, Account, Email string
		Roles, Scopes      []string
	}](ctx, db, `select id, account::text, email, roles, scopes from fn_auth.key_of($1)`, sum[:])
	if err != nil {
		return rest.Caller{}, pg.Fault(err)
	}
	if len(rows) != 1 {
		return rest.Caller{}, refused
	}
	return rest.Caller{ID: rows[0].Account, Email: rows[0].Email, Roles: rows[0].Roles, Key: rows[0].ID, Scopes: rows[0].Scopes}, nil
}
