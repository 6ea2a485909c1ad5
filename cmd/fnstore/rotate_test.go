package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
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
	if steps, err := rotation("auth-admin", "new", func(string) (string, error) { return "old", nil }); err != nil || len(steps) != 1 || steps[0].value != "new" {
		t.Errorf("%v %v", steps, err)
	}
}

// A signature holds from before a rotation until after it, at a function that
// has seen any step of it; the key before goes when its time is over.
func TestRotation_EventKey(t *testing.T) {
	vault, err := secrets.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) (string, error) { b, err := vault.Read(name); return string(b), err }
	if _, err := vault.Ensure(caller.Secret); err != nil {
		t.Fatal(err)
	}
	old, _ := read(caller.Secret)
	values := []string{old}
	steps, err := rotation(caller.Secret, secrets.Random(), read)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		if err := vault.Put(step.name, []byte(step.value)); err != nil {
			t.Fatal(err)
		}
		values = append(values, step.value)
	}
	for i, signer := range values {
		for j, checker := range values { // one step apart, since each step is seen by all before the next
			h := http.Header{}
			caller.Sign(h, signer, "POST", "/", nil, time.Now())
			if err := caller.Check(h, caller.Keys(checker), "POST", "/", nil, time.Now()); err != nil && max(i-j, j-i) < 2 {
				t.Errorf("signed at step %d, checked at step %d: %v", i, j, err)
			}
		}
	}
	if caller.Keys(values[2])[0] == old {
		t.Error("the key before signs")
	}
	if _, err := rotation(caller.Secret, secrets.Random(), read); fault.Of(err).Code != "secret_rotating" {
		t.Errorf("again: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan struct{})
	vault.OnChange(func(string) { close(done); cancel() })
	rotator{vault: vault}.endEventKeys(ctx, time.Millisecond, time.Millisecond)
	select {
	case <-done:
	default:
		t.Fatal("the key before was not ended")
	}
	if now, _ := read(caller.Secret); now != caller.Keys(values[2])[0] {
		t.Errorf("left: %d keys", len(caller.Keys(now)))
	}
}
