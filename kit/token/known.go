package token

import (
	"crypto/sha256"
	"fmt"
	"sync"
)

// maxKnown bounds the tokens that are remembered.
const maxKnown = 1024

// known remembers what tokens say whose form and signature held, since a
// signature costs more than all else. Times are judged at each check. It forgets
// everything when the keys change.
type known struct {
	mu     sync.Mutex
	keys   []Key
	claims map[[sha256.Size]byte]Claims
}

// read gives the claims of a token whose form and signature hold.
func (k *known) read(raw string, keys []Key) (Claims, error) {
	if len(raw) > MaxLength {
		return Claims{}, fmt.Errorf("it has %d bytes", len(raw))
	}
	sum := sha256.Sum256([]byte(raw))
	k.mu.Lock()
	if !same(k.keys, keys) {
		k.keys, k.claims = keys, map[[sha256.Size]byte]Claims{}
	}
	c, ok := k.claims[sum]
	k.mu.Unlock()
	if ok {
		return c, nil
	}
	payload, err := open(raw, keys)
	if err != nil {
		return c, err
	}
	if c, err = read(payload); err != nil {
		return c, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if same(k.keys, keys) {
		if len(k.claims) >= maxKnown {
			clear(k.claims)
		}
		k.claims[sum] = c
	}
	return c, nil
}

// same reports whether two are one and the same slice.
func same(a, b []Key) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}
