// Package token issues and checks access tokens: JSON Web Tokens (RFC 7519)
// signed by EdDSA or HS256, by the rules of RFC 8725. It does not know where
// keys are kept, what a role may do, or who asks.
package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"fnstore/kit/fault"
)

// Bounds and defaults.
const (
	MaxLength       = 8 << 10          // bytes of a token; a longer one is not looked at
	DefaultLifetime = 15 * time.Minute // of a token that Sign makes
	DefaultMaxLife  = 24 * time.Hour   // from iat to exp, in a Verifier that names none
	Leeway          = 30 * time.Second // between the clocks of issuer and verifier
	maxText         = 320              // bytes of sub, user_id and email; the longest address
	maxRoles        = 32
)

// Claims are what a token says. Times are whole seconds since 1970.
type Claims struct {
	Issuer    string   `json:"iss"`
	Audience  audience `json:"aud"`
	Subject   string   `json:"sub"`
	UserID    string   `json:"user_id"`
	Email     string   `json:"email,omitempty"`
	Roles     []string `json:"roles"`
	Scope     string   `json:"scope,omitempty"`  // names with spaces between them (RFC 8693 section 4.2); of an API key
	KeyID     string   `json:"key_id,omitempty"` // of the API key the token was made for; its caller may do what Scope says
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	ID        string   `json:"jti"`
}

// audience is one name or several (RFC 7519 section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(a))
	}
	var one string
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*a = audience{one}
	return nil
}

func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// Verifier accepts the tokens of one issuer for one audience.
type Verifier struct {
	Issuer, Audience string
	MaxLife          time.Duration         // 0 means DefaultMaxLife
	Keys             func() ([]Key, error) // asked at each check; see Set
	Now              func() time.Time      // nil means time.Now

	known known
}

// Check gives the claims of a token that holds. Whatever is wrong with it, the
// caller reads the same fault.Unauthorized; Reason tells the log. When there is
// no key to check with, it is fault.Unavailable.
func (v *Verifier) Check(raw string) (Claims, error) {
	keys, err := v.Keys()
	if err != nil {
		return Claims{}, fault.New(fault.Unavailable, "no_token_key", "the key that tokens are checked with is not mounted").Because(err)
	}
	claims, err := v.check(raw, keys)
	if err != nil {
		return Claims{}, &refusal{fault.New(fault.Unauthorized, "invalid_token", "Invalid token"), err}
	}
	return claims, nil
}

// refusal is what a caller reads of any token that does not hold, with the
// reason apart from it: a caller who reads one error's text learns nothing.
type refusal struct {
	fault *fault.Error
	why   error
}

func (r *refusal) Error() string { return r.fault.Error() }
func (r *refusal) Unwrap() error { return r.fault }

// Reason says what was wrong with a token that Check refused, for the log.
func Reason(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.why.Error()
	}
	return ""
}

func (v *Verifier) check(raw string, keys []Key) (c Claims, err error) {
	if c, err = v.known.read(raw, keys); err != nil {
		return c, err
	}
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	// The times and names are golang-jwt's to judge; signature and form are
	// settled by now.
	err = jwt.NewValidator(
		jwt.WithIssuer(v.Issuer), jwt.WithAudience(v.Audience), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(Leeway), jwt.WithTimeFunc(now),
	).Validate(jwt.RegisteredClaims{
		Issuer: c.Issuer, Subject: c.Subject, Audience: jwt.ClaimStrings(c.Audience), ID: c.ID,
		ExpiresAt: date(c.Expires), NotBefore: date(c.NotBefore), IssuedAt: date(c.IssuedAt),
	})
	if err != nil {
		return c, err
	}
	longest := v.MaxLife
	if longest == 0 {
		longest = DefaultMaxLife
	}
	switch life := c.Expires - c.IssuedAt; {
	case v.Issuer == "" || v.Audience == "":
		return c, errors.New("the verifier names no issuer or no audience")
	case life <= 0 || life > int64(longest/time.Second):
		return c, fmt.Errorf("it is valid for %d seconds", life)
	}
	return c, nil
}

func date(seconds int64) *jwt.NumericDate { return jwt.NewNumericDate(time.Unix(seconds, 0)) }

// claimNames are those that mean something here. A member that differs from
// one of them in case alone is an attempt to be read in two ways.
var claimNames = []string{"iss", "aud", "sub", "user_id", "email", "roles", "scope", "key_id", "iat", "nbf", "exp", "jti"}

// maxSeconds keeps times where every reader computes the same: below the year 9999.
const maxSeconds = 253402300799

// read takes the claims out of a payload.
func read(payload []byte) (c Claims, err error) {
	members, err := object(payload, claimNames)
	if err != nil {
		return c, fmt.Errorf("claims: %w", err)
	}
	for _, name := range []string{"iss", "aud", "sub", "iat", "exp"} {
		if _, ok := members[name]; !ok {
			return c, fmt.Errorf("claims: no %s", name)
		}
	}
	for name, value := range members {
		if bytes.Equal(value, []byte("null")) {
			return c, fmt.Errorf("claims: %s is null", name)
		}
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, fmt.Errorf("claims: %w", err)
	}
	if _, ok := members["user_id"]; !ok {
		c.UserID = c.Subject
	}
	if _, ok := members["nbf"]; !ok {
		c.NotBefore = c.IssuedAt
	}
	switch {
	case c.Subject == "" || len(c.Subject) > maxText || c.UserID != c.Subject:
		return c, errors.New("claims: sub is empty, too long, or another than user_id")
	case len(c.Email) > maxText, len(c.Roles) > maxRoles:
		return c, errors.New("claims: too long")
	case c.IssuedAt < 0, c.NotBefore < 0, c.Expires > maxSeconds, c.IssuedAt > maxSeconds, c.NotBefore > maxSeconds:
		return c, errors.New("claims: a time out of range")
	}
	return c, nil
}
