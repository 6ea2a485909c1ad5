package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fnstore/kit/token"
)

// Seed: R52, B55, B58
func TestAuth_FirstAdminIsTheOneOfTheSecret(t *testing.T) {
	r := newRig(t).generous()
	url := r.auth()
	login(t, url, "admin@localhost", "admin").want(t, "a guess", 401, "login_failed")
	a := login(t, url, "Admin@Localhost", adminSecret).want(t, "the secret", 200, "")
	if a.header.Get("Cache-Control") != "no-store" || a.get("token_type") != "Bearer" || a.get("expires_in") != "900" || a.get("refresh_token") == "" {
		t.Errorf("%v %s", a.header, a.body)
	}
	k, _ := token.FromSeed(seed)
	v := token.Verifier{Issuer: "fnstore-auth", Audience: "fnstore", Keys: func() ([]token.Key, error) { return []token.Key{k}, nil }}
	c, err := v.Check(a.get("access_token"))
	if err != nil || c.Email != "admin@localhost" || c.Expires-c.IssuedAt != 900 || len(c.Roles) != 2 || c.UserID == "" {
		t.Errorf("%+v %v %s", c, err, token.Reason(err))
	}
	// The file is the password: another file is another one.
	other := strings.Repeat("ab", 32)
	r.set("auth-admin", other)
	login(t, url, "admin@localhost", adminSecret).want(t, "the old secret", 401, "login_failed")
	login(t, url, "admin@localhost", other).want(t, "the new one", 200, "")
	for what, sql := range map[string]string{"accounts": "select count(*) from fn_auth.account", "stored passwords": "select 1 + count(*) from fn_auth.account where password <> ''"} {
		var n int
		if err := r.admin.QueryRow(t.Context(), sql).Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: %d %v", what, n, err)
		}
	}
}

// Whoever guesses learns nothing from the answer.
func TestAuth_UnknownUserAndWrongPasswordAreAlike(t *testing.T) {
	r := newRig(t).generous()
	url := r.auth()
	admin := login(t, url, "admin@localhost", adminSecret)
	id, _ := person(t, url, admin, "anna@example.org")
	unknown := login(t, url, "nobody@example.org", "correct horse").want(t, "an unknown user", 401, "login_failed")
	wrong := login(t, url, "anna@example.org", "wrong horse").want(t, "a wrong password", 401, "login_failed")
	call(t, "PATCH", url+"/accounts/"+id, `{"disabled":true}`, bearer(admin)...).want(t, "disable", 200, "")
	off := login(t, url, "ANNA@example.org", "correct horse").want(t, "a disabled account", 401, "login_failed")
	for _, a := range []reply{wrong, off} {
		if string(a.body) != string(unknown.body) || a.header.Get("WWW-Authenticate") != unknown.header.Get("WWW-Authenticate") {
			t.Errorf("%s and %s are not alike", a.body, unknown.body)
		}
	}
}

// Seed: B56
func TestAuth_RefreshRotatesAndReuseEndsTheLogin(t *testing.T) {
	r := newRig(t).generous()
	url := r.auth()
	refresh := func(a reply) reply {
		return call(t, "POST", url+"/refresh", fmt.Sprintf(`{"refresh_token":%q}`, a.get("refresh_token")))
	}
	admin := login(t, url, "admin@localhost", adminSecret)
	first := login(t, url, "admin@localhost", adminSecret)
	second := refresh(first).want(t, "the first", 200, "")
	third := refresh(second).want(t, "the second", 200, "")
	refresh(first).want(t, "the first again", 401, "invalid_refresh_token")
	refresh(third).want(t, "the newest, after the first came again", 401, "invalid_refresh_token")
	refresh(admin).want(t, "another login", 200, "")

	// A token that is sent twice at once is used once at most.
	a := login(t, url, "admin@localhost", adminSecret)
	var ok atomic.Int64
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if refresh(a).status == 200 {
				ok.Add(1)
			}
		})
	}
	all.Wait()
	if ok.Load() > 1 {
		t.Errorf("one token was used %d times", ok.Load())
	}

	b := login(t, url, "admin@localhost", adminSecret)
	for range 2 {
		call(t, "POST", url+"/revoke", fmt.Sprintf(`{"refresh_token":%q}`, b.get("refresh_token"))).want(t, "revoke", 204, "")
	}
	refresh(b).want(t, "a revoked one", 401, "invalid_refresh_token")
	// A disabled account's tokens end, and so do those of one that got other roles.
	id, anna := person(t, url, admin, "anna@example.org")
	call(t, "PATCH", url+"/accounts/"+id, `{"roles":["user","editor"]}`, bearer(admin)...).want(t, "other roles", 200, "")
	refresh(anna).want(t, "after other roles", 401, "invalid_refresh_token")
	if n := strings.Count(strings.Join(r.column("select encode(hash, 'hex') from fn_auth.refresh"), " "), a.get("refresh_token")); n != 0 {
		t.Error("a refresh token is stored as it is")
	}
}

// While keys rotate tokens of both hold; auth publishes both, and afterwards one.
//
// Seed: B55
func TestAuth_KeysRotateWithoutARestart(t *testing.T) {
	r := newRig(t).generous()
	url := r.auth()
	next := strings.Repeat("07", 32)
	kids := func() (list []string) {
		var set struct {
			Keys []struct{ Kid, Alg, Kty, X, D string }
		}
		a := call(t, "GET", url+"/.well-known/jwks.json", "").want(t, "jwks", 200, "")
		if err := json.Unmarshal(a.body, &set); err != nil || strings.Contains(string(a.body), seed) {
			t.Fatal(err)
		}
		for _, k := range set.Keys {
			if k.Alg != "EdDSA" || k.D != "" {
				t.Errorf("%+v", k)
			}
			list = append(list, k.Kid)
		}
		return list
	}
	works := func(a reply) bool { return call(t, "GET", url+"/keys", "", bearer(a)...).status == 200 }
	old := login(t, url, "admin@localhost", adminSecret)
	before := kids()
	r.set("token-key-previous", seed)
	r.set("token-key", next)
	during := kids()
	fresh := login(t, url, "admin@localhost", adminSecret)
	if len(before) != 1 || len(during) != 2 || during[1] != before[0] || !works(old) || !works(fresh) {
		t.Errorf("while rotating: %q then %q, old %v, new %v", before, during, works(old), works(fresh))
	}
	r.set("token-key-previous", next)
	if after := kids(); len(after) != 1 || works(old) || !works(fresh) {
		t.Errorf("afterwards: %q, old %v, new %v", after, works(old), works(fresh))
	}
}

// Seed: B57
func TestAuth_HS256WithASecretOf32Bytes(t *testing.T) {
	r := newRig(t).generous()
	r.env["token_alg"] = "HS256"
	r.set("token-secret", "your-secret-key")
	url := r.auth()
	login(t, url, "admin@localhost", adminSecret).want(t, "with a short secret", 503, "no_token_key")
	r.set("token-secret", strings.Repeat("s", 32))
	a := login(t, url, "admin@localhost", adminSecret).want(t, "with a long one", 200, "")
	r.set("token-secret", strings.Repeat("n", 32)+"\n"+strings.Repeat("s", 32))
	call(t, "GET", url+"/keys", "", bearer(a)...).want(t, "while it rotates", 200, "")
	r.set("token-secret", strings.Repeat("n", 32))
	call(t, "GET", url+"/keys", "", bearer(a)...).want(t, "afterwards", 401, "invalid_token")
}

// Seed: R62
func TestAuth_APIKeys(t *testing.T) {
	r := newRig(t).generous()
	url := r.auth()
	admin := login(t, url, "admin@localhost", adminSecret)
	_, anna := person(t, url, admin, "anna@example.org")
	key := call(t, "POST", url+"/keys", `{"name":"ci","scopes":["users:read"]}`, bearer(anna)...).want(t, "make a key", 201, "")
	text := key.get("api_key")
	a := call(t, "POST", url+"/token", fmt.Sprintf(`{"api_key":%q}`, text)).want(t, "a token for a key", 200, "")
	if a.get("scope") != "users:read" || a.get("refresh_token") != "" {
		t.Errorf("%s", a.body)
	}
	call(t, "POST", url+"/keys", `{"name":"x","scopes":["users:write"]}`, bearer(a)...).want(t, "a key that makes a key", 403, "scope_missing")
	call(t, "POST", url+"/keys", `{"name":"x","scopes":["users:write"]}`, "X-API-Key", text).want(t, "the key itself", 403, "scope_missing")
	for _, stored := range r.column("select encode(hash, 'hex') || name || id from fn_auth.api_key") {
		if strings.Contains(stored, text) {
			t.Error("a key is stored as it is")
		}
	}
	// A stranger neither sees nor deletes it; its owner does.
	_, ben := person(t, url, admin, "ben@example.org")
	if list := call(t, "GET", url+"/keys", "", bearer(ben)...); list.get("keys") != "[]" {
		t.Errorf("%s", list.body)
	}
	call(t, "DELETE", url+"/keys/"+key.get("id"), "", bearer(ben)...).want(t, "another's key", 404, "key_not_found")
	gone := call(t, "DELETE", url+"/keys/"+key.get("id"), "", bearer(anna)...).want(t, "one's own", 204, "")
	if len(gone.body) != 0 {
		t.Errorf("%q", gone.body)
	}
	call(t, "POST", url+"/token", fmt.Sprintf(`{"api_key":%q}`, text)).want(t, "a deleted key", 401, "invalid_token")
	for _, bad := range []string{"fns_", "fns_x_y", text + "x", "other_" + text, "\x00"} {
		b, _ := json.Marshal(map[string]string{"api_key": bad})
		if a := call(t, "POST", url+"/token", string(b)); a.status != 401 && a.status != 400 {
			t.Errorf("%q: %d", bad, a.status)
		}
	}
}

// Guesses are refused before a password is hashed, and nobody logs in while
// they cannot be counted.
func TestAuth_LoginsAreLimitedBeforeTheWork(t *testing.T) {
	r := newRig(t)
	url := r.auth()
	var limited reply
	for i := range 20 {
		if limited = login(t, url, "anna@example.org", "wrong horse "+strconv.Itoa(i)); limited.status == 429 {
			break
		}
	}
	limited.want(t, "the guess after some", 429, "rate_limited")
	wait, err := strconv.Atoi(limited.header.Get("Retry-After"))
	if err != nil || wait < 1 || limited.header.Get("X-RateLimit-Remaining") != "0" || !strings.Contains(limited.header.Get("RateLimit-Policy"), "login") {
		t.Errorf("%v", limited.header)
	}
	began := time.Now()
	for range 50 {
		if a := login(t, url, "anna@example.org", "x"); a.status == 401 && time.Since(began) < time.Duration(wait)*time.Second/2 {
			t.Errorf("a guess was looked at: %d", a.status)
			break
		}
	}
	for range 60 {
		if a := call(t, "GET", url+"/keys", "", "Authorization", "Bearer a.b.c"); a.status == 429 {
			break // guesses of tokens count by address
		} else if a.status != 401 {
			t.Fatalf("%d", a.status)
		}
	}
	r.set("auth-redis", "redis://x:y@127.0.0.1:1")
	down := newRigURL(t, r)
	if a := login(t, down, "admin@localhost", adminSecret); a.status != 503 || a.get("code") != "limiter_unavailable" || a.header.Get("Retry-After") == "" {
		t.Errorf("without Redis: %d %s", a.status, a.body)
	}
	call(t, "GET", down+"/.well-known/jwks.json", "").want(t, "what is open, without Redis", 200, "")
}

func newRigURL(t *testing.T, r *rig) string { return r.auth() }

// Seed: B9, B23
func TestAuth_BadRequests(t *testing.T) {
	r := newRig(t).generous()
	url := r.auth()
	admin := bearer(login(t, url, "admin@localhost", adminSecret))
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "/token", `{"email":1,"password":[]}`, 400, "invalid_body"}, {"POST", "/token", `{}`, 400, "invalid_body"}, {"POST", "/token", `{"email":"a","password":"b","api_key":"c"}`, 400, "invalid_body"},
		{"POST", "/token", `{"email":"a","password":"b","admin":true}`, 400, "invalid_body"}, {"POST", "/token", strings.Repeat(" ", 20<<10), 413, "body_too_large"}, {"POST", "/token", `{"email":"a\u0000","password":"b"}`, 400, ""},
		{"GET", "/token", "", 405, "method_not_allowed"}, {"GET", "/tokens", "", 404, "no_endpoint"},
		{"POST", "/accounts", `{"email":"a@example.org","password":"short"}`, 400, "bad_password"}, {"POST", "/accounts", `{"email":"nobody","password":"correct horse"}`, 400, "invalid_body"}, {"POST", "/accounts", `{"email":"admin@localhost","password":"correct horse"}`, 409, "email_taken"},
		{"PATCH", "/accounts/1", `{"disabled":true}`, 404, "account_not_found"}, {"PATCH", "/accounts/00000000-0000-0000-0000-000000000000", `{"disabled":true}`, 404, "account_not_found"}, {"PATCH", "/accounts/x", `{}`, 400, "invalid_body"},
		{"POST", "/keys", `{"name":"","scopes":[]}`, 400, "invalid_body"}, {"DELETE", "/keys/%00", "", 400, "bad_value"}, {"POST", "/refresh", `{"refresh_token":""}`, 401, "invalid_refresh_token"},
		{"POST", "/password", `{"current":"x","new":"correct horse"}`, 409, "password_is_a_secret"},
	} {
		call(t, c.method, url+c.path, c.body, admin...).want(t, c.method+" "+c.path+" "+c.body[:min(60, len(c.body))], c.status, c.code)
	}
	anna, tok := person(t, url, reply{body: []byte(`{"access_token":"` + strings.TrimPrefix(admin[1], "Bearer ") + `"}`)}, "anna@example.org")
	call(t, "POST", url+"/accounts", `{"email":"b@example.org","password":"correct horse"}`, bearer(tok)...).want(t, "by a user", 403, "role_missing")
	call(t, "PATCH", url+"/accounts/"+anna, `{"roles":["admin"]}`, bearer(tok)...).want(t, "oneself an admin", 403, "role_missing")
	call(t, "POST", url+"/accounts", `{"email":"ANNA@example.org","password":"correct horse"}`, admin...).want(t, "an address twice", 409, "email_taken")
	call(t, "POST", url+"/password", `{"current":"wrong horse","new":"better horse"}`, bearer(tok)...).want(t, "wrong current", 401, "login_failed")
	call(t, "POST", url+"/password", `{"current":"correct horse","new":"better horse"}`, bearer(tok)...).want(t, "a new password", 204, "")
	login(t, url, "anna@example.org", "correct horse").want(t, "the old one", 401, "login_failed")
	login(t, url, "anna@example.org", "better horse").want(t, "the new one", 200, "")
	a := call(t, "POST", url+"/", `{"op":"token","email":"anna@example.org","password":"better horse"}`).want(t, "by name", 200, "")
	if a.get("access_token") == "" {
		t.Errorf("%s", a.body)
	}
}

// column reads one text column.
func (r *rig) column(sql string) (list []string) {
	r.t.Helper()
	rows, err := r.admin.Query(r.t.Context(), sql)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}
