package identity_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"fnstore/kit/identity"
	"fnstore/kit/token"
)

// A function that takes access tokens reads the settings and the key set once, and
// asks Source who sends each request.
func ExampleSource_Caller() {
	key, err := token.FromSeed(strings.Repeat("7", 64))
	if err != nil {
		panic(err)
	}
	secrets := func(name string) (string, error) {
		if name == "token-jwks" {
			return string(token.PublicSet(key)), nil
		}
		return "", errors.New("no such secret")
	}
	verifier, err := identity.Verifier(func(string) string { return "" }, secrets)
	if err != nil {
		panic(err)
	}
	source := identity.Source{Verifier: verifier}

	claims := token.Claims{Issuer: identity.DefaultIssuer, Audience: []string{identity.DefaultAudience}, Subject: "7", Roles: []string{"user"}}
	raw, err := token.Sign(key, claims, time.Now(), 0)
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest("GET", "/v1/users/7", nil)
	r.Header.Set("Authorization", "Bearer "+raw)
	who, err := source.Caller(r)
	fmt.Println(who.ID, who.Has("user"), who.Has("admin"), err)

	r.Header.Set("Authorization", "Bearer "+raw[:len(raw)-2])
	_, err = source.Caller(r)
	fmt.Println(err)
	// Output:
	// 7 true false <nil>
	// Invalid token
}
