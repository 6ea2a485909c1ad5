// Package api tests functions as their callers see them, with the logins that the
// store gives them: real Postgres roles and a real Redis user.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	auth "fnstore/functions/auth"
	users "fnstore/functions/users"
	"fnstore/kit/idempotency"
	"fnstore/kit/queue"
	"fnstore/kit/token"
	"fnstore/runtime/migrate"
	"fnstore/runtime/provision"
	"fnstore/runtime/secrets"
	"fnstore/runtime/services/servicestest"
)

const (
	seed        = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
	adminSecret = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
)

// rig is a database and a Redis with the functions' logins, and the secrets
// that the functions read.
type rig struct {
	t     testing.TB
	owner string // of the database
	redis string // its owner's URL
	admin *pgx.Conn
	// provide gives a function its login, and the rig the secrets that it lists.
	provide func(provision.Function)

	mu      sync.Mutex
	secrets map[string]string
	env     map[string]string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, owner: servicestest.Cluster(t), redis: servicestest.Redis(t), secrets: map[string]string{"auth-admin": adminSecret, "token-key": seed}, env: map[string]string{}}
	k, err := token.FromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	r.secrets["token-jwks"] = string(token.PublicSet(k))
	ctx := context.Background()
	var sources []migrate.Source
	for name, dir := range map[string]fs.FS{"kit_queue": queue.Migrations, "kit_idempotency": idempotency.Migrations} {
		sub, err := fs.Sub(dir, "migrations")
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, migrate.Source{Name: name, FS: sub})
	}
	if _, err := migrate.Apply(ctx, r.owner, sources); err != nil {
		t.Fatal(err)
	}
	vault, err := secrets.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	set := provision.New(vault, &provision.Redis{Owner: r.redis}, &provision.Postgres{Owner: r.owner, SQL: func(_ context.Context, f provision.Function) (fs.FS, error) {
		return os.DirFS("../../functions/" + f.Name), nil
	}})
	r.provide = func(f provision.Function) {
		t.Helper()
		if err := set.Provide(ctx, f); err != nil {
			t.Fatal(err)
		}
		for _, name := range f.Secrets {
			b, err := vault.Read(name)
			if err != nil {
				t.Fatal(err)
			}
			r.set(name, string(b))
		}
	}
	for _, fn := range []string{"auth", "users", "webhook"} {
		if _, err := os.Stat("../../functions/" + fn + "/grants.sql"); err != nil {
			continue
		}
		r.provide(provision.Function{Name: fn, Secrets: []string{fn + "-pg", fn + "-redis"}, Annotations: map[string]string{"fnstore.sends": "topic:webhooks"}})
	}
	if r.admin, err = pgx.Connect(ctx, r.owner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.admin.Close(ctx) })
	return r
}

func (r *rig) getenv(name string) string { return r.env[name] }

func (r *rig) read(name string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.secrets[name]; ok {
		return s, nil
	}
	return "", fmt.Errorf("read secret: %s: %w", name, fs.ErrNotExist)
}

func (r *rig) set(name, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets[name] = value
}

// serve gives the URL of a function.
func serve(t testing.TB, h http.Handler, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// generous lets tests that are not about limits make as many calls as they like,
// on a machine as busy as it may be.
func (r *rig) generous() *rig {
	r.env["limit_budget"] = "30s"
	for _, name := range []string{"default", "login", "login_account", "write", "guesses"} {
		r.env["limit_"+name] = "1000000/1m burst=500000"
	}
	return r
}

func (r *rig) auth() string {
	h, err := auth.Open(r.getenv, r.read)
	return serve(r.t, h, err)
}

func (r *rig) users() string {
	h, err := users.Open(r.getenv, r.read)
	return serve(r.t, h, err)
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// get is a member of the body.
func (a reply) get(name string) string {
	var m map[string]any
	_ = json.Unmarshal(a.body, &m)
	switch v := m[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		b, _ := json.Marshal(v)
		return string(b)
	}
}

// call sends a request; header is names and values in turn.
func call(t testing.TB, method, target, body string, header ...string) reply {
	t.Helper()
	a, err := try(method, target, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}

func try(method, target, body string, header ...string) (reply, error) {
	r, err := http.NewRequest(method, target, bytes.NewReader([]byte(body)))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, b}, err
}

// want fails unless the answer has the status and, if one is named, the code.
func (a reply) want(t testing.TB, what string, status int, code string) reply {
	t.Helper()
	if a.status != status || code != "" && a.get("code") != code {
		t.Fatalf("%s: %d %s, want %d %s", what, a.status, a.body, status, code)
	}
	return a
}

// login gives an access token.
func login(t testing.TB, url, email, password string) reply {
	t.Helper()
	return call(t, "POST", url+"/token", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
}

func bearer(a reply) []string { return []string{"Authorization", "Bearer " + a.get("access_token")} }

// person makes an account and logs it in.
func person(t testing.TB, url string, admin reply, email string) (id string, token reply) {
	t.Helper()
	made := call(t, "POST", url+"/accounts", fmt.Sprintf(`{"email":%q,"password":"correct horse"}`, email), bearer(admin)...).want(t, "make "+email, 201, "")
	return made.get("id"), login(t, url, email, "correct horse").want(t, "log in "+email, 200, "")
}
