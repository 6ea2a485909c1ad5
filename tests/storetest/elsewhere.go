package storetest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// The environment of a test that says which store is tested.
const (
	// BackendVar makes every store of the tests run its functions so: process,
	// which is the default, or docker, with the engine of DOCKER_HOST.
	BackendVar = "FNSTORE_TEST_BACKEND"
	// GatewayVar is the URL of a gateway that runs already, for tests that ask for
	// no more than that: Reach.
	GatewayVar = "FNSTORE_TEST_GATEWAY"
	// PasswordVar is the file with that gateway's password of the user admin.
	PasswordVar = "FNSTORE_TEST_PASSWORD_FILE"
)

// Backend is the one of every store that Open starts, "" for the default.
func Backend() string { return os.Getenv(BackendVar) }

// Elsewhere is true when the tests are to use a gateway that runs already.
func Elsewhere() bool { return os.Getenv(GatewayVar) != "" }

// Reach is Open for a gateway that runs already and is known by its URL. Its
// object store and database are those of S3_ENDPOINT, S3_ACCESS_KEY,
// S3_SECRET_KEY and POSTGRES_URL, as .fnstore/env has them; without them these
// fields are empty. It has no state: nothing but Command, Logs and Close may be
// called, and Close leaves the gateway as it is.
func Reach() (*Store, error) {
	at := strings.TrimRight(os.Getenv(GatewayVar), "/")
	if u, err := url.Parse(at); err != nil || u.Host == "" {
		return nil, fmt.Errorf("%s is no URL: %q", GatewayVar, at)
	}
	file, err := filepath.Abs(os.Getenv(PasswordVar))
	if err != nil {
		return nil, err
	}
	password, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: read the gateway's password: %w", PasswordVar, err)
	}
	root, err := repository()
	if err != nil {
		return nil, err
	}
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	s := &Store{URL: at, User: "admin", Password: strings.TrimSpace(string(password)), Root: root, Bin: filepath.Join(dir, "fnstore"), dir: dir, Env: map[string]string{}}
	for _, name := range []string{"S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "POSTGRES_URL", "REDIS_URL", "FNSTORE_METRICS_URL"} {
		s.Env[name] = os.Getenv(name)
	}
	s.S3Endpoint, s.S3Access, s.S3Secret = s.Env["S3_ENDPOINT"], s.Env["S3_ACCESS_KEY"], s.Env["S3_SECRET_KEY"]
	s.Postgres, s.Redis = s.Env["POSTGRES_URL"], s.Env["REDIS_URL"]
	s.env = append(withoutStore(), "OPENFAAS_URL="+at, "OPENFAAS_PASSWORD_FILE="+file)
	for name, value := range s.Env {
		if value != "" {
			s.env = append(s.env, name+"="+value)
		}
	}
	if err := compile(root, s.Bin); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}
