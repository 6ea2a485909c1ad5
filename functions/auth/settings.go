package function

import (
	"fmt"
	"net/mail"
	"strings"
	"time"

	"fnstore/kit/identity"
	"fnstore/kit/limit"
	"fnstore/kit/password"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/token"
)

// The defaults of the settings, and their bounds.
const (
	DefaultRefreshLifetime = 30 * 24 * time.Hour
	DefaultAdminEmail      = "admin@localhost"
	maxTokenLifetime       = token.DefaultMaxLife
	maxRefreshLifetime     = 365 * 24 * time.Hour
)

// The secrets. Both keys of tokens are 32 bytes in hex.
const (
	databaseSecret = "auth-pg"
	redisSecret    = "auth-redis"
	adminSecret    = "auth-admin"         // the first administrator's password
	keySecret      = "token-key"          // signs
	previousSecret = "token-key-previous" // accepted while keys rotate
)

// api is the function with its needs.
type api struct {
	read       func(name string) (string, error) // a secret
	db         *pg.DB
	gate       *limit.Gate
	hasher     *password.Hasher
	verifier   *token.Verifier
	shared     bool // HS256
	life       time.Duration
	refresh    time.Duration
	adminEmail string
	now        func() time.Time
}

// Open makes the function from its environment and its secrets. It dials
// nothing; an error is one of the settings and stays.
func Open(getenv func(string) string, read func(name string) (string, error)) (*rest.API, error) {
	a := &api{
		read: read, hasher: password.New(), now: time.Now, adminEmail: DefaultAdminEmail,
		life: token.DefaultLifetime, refresh: DefaultRefreshLifetime, shared: getenv("token_alg") == "HS256",
		db: pg.Open(func() (string, error) { return read(databaseSecret) }),
	}
	var err error
	if a.life, err = duration(getenv, "token_lifetime", a.life, maxTokenLifetime); err != nil {
		return nil, err
	}
	if a.refresh, err = duration(getenv, "refresh_lifetime", a.refresh, maxRefreshLifetime); err != nil {
		return nil, err
	}
	if s := getenv("admin_email"); s != "" {
		a.adminEmail = s
	}
	if _, err := mail.ParseAddress(a.adminEmail); err != nil {
		return nil, fmt.Errorf("admin_email %q is not an address", a.adminEmail)
	}
	if a.verifier, err = identity.Verifier(getenv, read); err != nil {
		return nil, err
	}
	if !a.shared {
		a.verifier.Keys = a.keys
	}
	origins, err := rest.ParseOrigins(getenv("cors_origins"))
	if err != nil {
		return nil, err
	}
	a.gate, err = limit.OpenGate("auth", getenv, func() (string, error) { return read(redisSecret) },
		limit.Default(),
		// Of an address, and of an account whoever asks for it. Without Redis
		// nobody logs in: guessing must not become free.
		limit.Policy{Name: "login", Limit: 20, Window: time.Minute, Burst: 10, Closed: true},
		limit.Policy{Name: "login-account", Limit: 10, Window: time.Minute, Burst: 5, Closed: true},
	)
	if err != nil {
		return nil, err
	}
	return a.routes(origins)
}

func duration(getenv func(string) string, name string, otherwise, longest time.Duration) (time.Duration, error) {
	s := getenv(name)
	if s == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second || d > longest {
		return 0, fmt.Errorf("%s %q is not a duration of 1s to %s", name, s, longest)
	}
	return d, nil
}

// keys gives the signing key, and the one before it where one is mounted.
func (a *api) keys() ([]token.Key, error) {
	if a.shared {
		return identity.Shared(a.read)
	}
	seed, err := a.read(keySecret)
	if err != nil {
		return nil, err
	}
	first, err := token.FromSeed(seed)
	if err != nil {
		return nil, err
	}
	keys := []token.Key{first}
	if old, err := a.read(previousSecret); err == nil {
		k, err := token.FromSeed(old)
		if err != nil {
			return nil, err
		}
		if k.ID != first.ID {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// emailKey is what makes two addresses the same.
func emailKey(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
