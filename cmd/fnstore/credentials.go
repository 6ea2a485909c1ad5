package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"fnstore/connectors/hook"
	"fnstore/kit/caller"
	"fnstore/runtime/objects"
	"fnstore/runtime/secrets"
	"fnstore/runtime/stackfile"
)

// adminUser is the operator at the gateway, as in OpenFaaS.
const adminUser = "admin"

// credentials are the store's own, made at the first start. They lie beside the
// functions' secrets and not among them, so that no function can ask for them.
type credentials struct {
	dir string
}

// get reads a credential, or makes it.
func (c credentials) get(name string) (string, error) {
	path := c.path(name)
	b, err := os.ReadFile(path)
	if err == nil && len(b) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !os.IsNotExist(err) {
		return "", fmt.Errorf("read credential: %w", err)
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return "", fmt.Errorf("make credential: %w", err)
	}
	value := secrets.Random()
	if err := secrets.WriteFile(path, []byte(value), 0o600); err != nil {
		return "", fmt.Errorf("make credential: %w", err)
	}
	return value, nil
}

func (c credentials) path(name string) string { return filepath.Join(c.dir, name) }

// The names of the credentials.
const (
	gatewayPassword = "gateway-password"
	s3AdminSecret   = "s3-admin-secret"
)

// s3Admin is the access key of people and scripts.
const s3Admin = "fnstore-admin"

// s3Access makes the object store's keys: the admin's, and one per function
// that names buckets, which may do there what its annotations say. A function's
// key is its secret NAME-s3.
func s3Access(file *stackfile.File, vault *secrets.Store, admin, endpoint string) (keys []objects.Key, buckets []string, watchers []hook.Watcher, err error) {
	keys = append(keys, objects.Key{ID: s3Admin, Secret: admin, Admin: true})
	seen := map[string]bool{}
	for _, fn := range file.Functions {
		var grants []objects.Grant
		for _, a := range []struct {
			name  string
			verbs []objects.Verb
		}{
			{hook.AnnotationWatch, []objects.Verb{objects.Read}},
			{hook.AnnotationRead, []objects.Verb{objects.Read, objects.List}},
			{hook.AnnotationWrite, []objects.Verb{objects.Read, objects.Write, objects.Delete, objects.List}},
		} {
			places, err := hook.Places(fn.Annotations[a.name])
			if err != nil {
				return nil, nil, nil, fmt.Errorf("%s: annotation %s: %w", fn.Name, a.name, err)
			}
			for _, p := range places {
				grants = append(grants, objects.Grant{Verbs: a.verbs, Bucket: p.Bucket, Prefix: p.Prefix})
				if !seen[p.Bucket] {
					seen[p.Bucket] = true
					buckets = append(buckets, p.Bucket)
				}
			}
			if a.name == hook.AnnotationWatch && len(places) > 0 {
				watchers = append(watchers, hook.Watcher{Function: fn.Name, Places: places})
			}
		}
		if len(grants) == 0 {
			continue
		}
		secret, err := functionKey(vault, fn.Name, endpoint)
		if err != nil {
			return nil, nil, nil, err
		}
		keys = append(keys, objects.Key{ID: "fn-" + fn.Name, Secret: secret, Grants: grants})
	}
	return keys, buckets, watchers, nil
}

// functionKey keeps the key a function has and writes its secret anew, since
// the endpoint may have moved.
func functionKey(vault *secrets.Store, fn, endpoint string) (string, error) {
	key := secrets.Random()
	if old, err := vault.Read(fn + "-s3"); err == nil {
		if u, err := url.Parse(string(old)); err == nil {
			if p, ok := u.User.Password(); ok {
				key = p
			}
		}
	}
	u := url.URL{Scheme: "http", User: url.UserPassword("fn-"+fn, key), Host: endpoint}
	return key, vault.Put(fn+"-s3", []byte(u.String()))
}

// eventKey makes the key of the event plane's signatures.
func eventKey(vault *secrets.Store) error {
	_, err := vault.Ensure(caller.Secret)
	return err
}
