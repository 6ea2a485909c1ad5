package objects

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// Verb is something an access key may do.
type Verb string

// The verbs of a Grant. Writing includes replacing; buckets are made and
// removed by an Admin only.
const (
	Read   Verb = "read"
	Write  Verb = "write"
	List   Verb = "list"
	Delete Verb = "delete"
)

// Grant lets a key do something with the objects of one bucket whose keys
// start with Prefix. A listing is allowed for prefixes that start with it.
type Grant struct {
	Verbs  []Verb
	Bucket string
	Prefix string
}

// Key is an access key and what it may do. An Admin may do everything.
type Key struct {
	ID       string
	Secret   string
	Previous string // accepted as well while the secret is rotated; or empty
	Grants   []Grant
	Admin    bool
}

// allows decides about one object, or about a listing with key as its prefix.
func (k *Key) allows(v Verb, bucket, key string) bool {
	return k.Admin || slices.ContainsFunc(k.Grants, func(g Grant) bool {
		return g.Bucket == bucket && strings.HasPrefix(key, g.Prefix) && slices.Contains(g.Verbs, v)
	})
}

// allowsBucket is true for a bucket the key has something to do with. Others are
// denied whether they exist or not.
func (k *Key) allowsBucket(bucket string) bool {
	return k.Admin || slices.ContainsFunc(k.Grants, func(g Grant) bool { return g.Bucket == bucket && len(g.Verbs) > 0 })
}

// minSecret is the shortest secret accepted, in bytes.
const minSecret = 16

// keyring holds the keys in force.
type keyring struct {
	byID atomic.Pointer[map[string]*Key]
}

func (r *keyring) find(id string) (*Key, bool) {
	k, ok := (*r.byID.Load())[id]
	return k, ok
}

// SetKeys puts these access keys in the place of all others, at once. Without
// any, every request is refused.
func (s *Store) SetKeys(keys []Key) error {
	byID := make(map[string]*Key, len(keys))
	for _, k := range keys {
		switch {
		case len(k.ID) < 3 || strings.ContainsAny(k.ID, "/=,; \t\r\n"):
			return fmt.Errorf("access key %q: an id has three or more letters and none of / = , ; or white space", k.ID)
		case len(k.Secret) < minSecret:
			return fmt.Errorf("access key %q: the secret is shorter than %d bytes", k.ID, minSecret)
		case byID[k.ID] != nil:
			return fmt.Errorf("access key %q is there twice", k.ID)
		}
		byID[k.ID] = &k
	}
	s.keys.byID.Store(&byID)
	return nil
}
