package token_test

import (
	"fmt"
	"strings"
	"time"

	"fnstore/kit/token"
)

// An issuer signs with a private key; who checks needs the public key set only.
func ExampleVerifier_Check() {
	key, err := token.FromSeed(strings.Repeat("7", 64))
	if err != nil {
		panic(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	raw, err := token.Sign(key, token.Claims{Issuer: "me", Audience: []string{"you"}, Subject: "7"}, now, 0)
	if err != nil {
		panic(err)
	}
	published := string(token.PublicSet(key))
	v := token.Verifier{
		Issuer: "me", Audience: "you",
		Keys: token.Set(func() (string, error) { return published, nil }),
		Now:  func() time.Time { return now },
	}
	claims, err := v.Check(raw)
	fmt.Println(claims.Subject, err)

	now = now.Add(token.DefaultLifetime + token.Leeway)
	_, err = v.Check(raw)
	fmt.Println(err)
	// Output:
	// 7 <nil>
	// Invalid token
}
