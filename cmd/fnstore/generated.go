package main

import (
	"fmt"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
	"fnstore/kit/token"
	"fnstore/runtime/secrets"
)

// The secrets of access tokens: the key that signs, the one before it, and the
// public halves of both, which is all that functions need that check tokens.
const (
	tokenKey         = "token-key"
	tokenKeyPrevious = "token-key-previous"
	tokenKeySet      = "token-jwks"
)

// generated are the secrets that are 32 random bytes in hex, unless an operator
// has given them another value.
var generated = []string{caller.Secret, tokenKey, "auth-admin", "webhook-github", "webhook-stripe", "webhook-generic", "notify-webhook", "notify-alerts"}

// generateSecrets makes those that are missing.
func generateSecrets(vault *secrets.Store) error {
	for _, name := range generated {
		if _, err := vault.Ensure(name); err != nil {
			return err
		}
	}
	key, err := vault.Read(tokenKey)
	if err != nil {
		return err
	}
	previous, err := vault.Read(tokenKeyPrevious)
	if err != nil {
		if fault.Of(err).Kind != fault.NotFound {
			return err
		}
		previous = key // one key, until it is rotated
		if err := vault.Put(tokenKeyPrevious, key); err != nil {
			return err
		}
	}
	set, err := publicKeys(string(key), string(previous))
	if err != nil {
		return err
	}
	return vault.Put(tokenKeySet, set)
}

// publicKeys is the key set of token keys, each once.
func publicKeys(seeds ...string) ([]byte, error) {
	var keys []token.Key
	seen := map[string]bool{}
	for _, s := range seeds {
		k, err := token.FromSeed(s)
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", tokenKey, err)
		}
		if !seen[k.ID] {
			keys = append(keys, k)
		}
		seen[k.ID] = true
	}
	return token.PublicSet(keys...), nil
}
