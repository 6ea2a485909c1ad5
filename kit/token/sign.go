package token

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Sign makes a token of the claims. It sets iat, nbf and exp from now and life
// (0 means DefaultLifetime), a random jti, and user_id from sub.
func Sign(k Key, c Claims, now time.Time, life time.Duration) (string, error) {
	if k.sign == nil {
		return "", errors.New("sign a token: the key only checks")
	}
	if life == 0 {
		life = DefaultLifetime
	}
	c.UserID = c.Subject
	c.IssuedAt, c.NotBefore, c.Expires = now.Unix(), now.Unix(), now.Add(life).Unix()
	c.ID = rand.Text()
	if c.Roles == nil {
		c.Roles = []string{}
	}
	t := jwt.NewWithClaims(jwt.GetSigningMethod(k.alg), signed{c})
	if k.ID != "" {
		t.Header["kid"] = k.ID
	}
	raw, err := t.SignedString(k.sign)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	if len(raw) > MaxLength {
		return "", fmt.Errorf("sign a token: %d bytes are too long", len(raw))
	}
	return raw, nil
}

// signed makes Claims what golang-jwt signs. It asks for none of these when it
// signs.
type signed struct{ Claims }

// GetExpirationTime is exp.
func (s signed) GetExpirationTime() (*jwt.NumericDate, error) { return date(s.Expires), nil }

// GetIssuedAt is iat.
func (s signed) GetIssuedAt() (*jwt.NumericDate, error) { return date(s.IssuedAt), nil }

// GetNotBefore is nbf.
func (s signed) GetNotBefore() (*jwt.NumericDate, error) { return date(s.NotBefore), nil }

// GetIssuer is iss.
func (s signed) GetIssuer() (string, error) { return s.Issuer, nil }

// GetSubject is sub.
func (s signed) GetSubject() (string, error) { return s.Subject, nil }

// GetAudience is aud.
func (s signed) GetAudience() (jwt.ClaimStrings, error) { return jwt.ClaimStrings(s.Audience), nil }
