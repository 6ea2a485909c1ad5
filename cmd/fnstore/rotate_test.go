package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fnstore/kit/token"
	"fnstore/runtime/secrets"
)

// After each step of a rotation tokens of both keys hold, as far as anybody has
// signed with them.
func TestRotation_NoTokenFailsBetweenTwoSteps(t *testing.T) {
	vault, err := secrets.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := generateSecrets(vault); err != nil {
		t.Fatal(err)
	}
	read := func(name string) (string, error) { b, err := vault.Read(name); return string(b), err }
	verifier := &token.Verifier{Issuer: "i", Audience: "a", Keys: token.Set(func() (string, error) { return read(tokenKeySet) })}
	sign := func() string {
		seed, err := read(tokenKey)
		if err != nil {
			t.Fatal(err)
		}
		k, err := token.FromSeed(seed)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := token.Sign(k, token.Claims{Issuer: "i", Audience: []string{"a"}, Subject: "s"}, time.Now(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	var issued []string
	for round := range 3 {
		first := len(issued) // tokens of the key before last end with this rotation
		issued = append(issued, sign())
		steps, err := rotation(tokenKey, secrets.Random(), read)
		if err != nil || len(steps) != 3 {
			t.Fatal(steps, err)
		}
		for _, step := range steps {
			if err := vault.Put(step.name, []byte(step.value)); err != nil {
				t.Fatal(err)
			}
			issued = append(issued, sign())
			for _, raw := range issued[first:] {
				if _, err := verifier.Check(raw); err != nil {
					t.Errorf("round %d, after %s: %s", round, step.name, token.Reason(err))
				}
			}
		}
	}
	if _, err := verifier.Check(issued[0]); err == nil {
		t.Error("a key holds after the next rotation")
	}
	before, _ := read(tokenKeySet)
	if err := generateSecrets(vault); err != nil {
		t.Fatal(err)
	}
	if after, _ := read(tokenKeySet); after != before {
		t.Errorf("a start changes the key set from %s to %s", before, after)
	}
}

func TestRotation_OfWhatIsNotKnown(t *testing.T) {
	none := func(string) (string, error) { return "", errors.New("no such file") }
	for _, name := range []string{"users-pg", "event-key", "mine", tokenKey} {
		if _, err := rotation(name, strings.Repeat("ab", 32), none); err == nil {
			t.Errorf("%s rotates", name)
		}
	}
	if steps, err := rotation("auth-admin", "new", none); err != nil || len(steps) != 1 || steps[0].value != "new" {
		t.Errorf("%v %v", steps, err)
	}
}
