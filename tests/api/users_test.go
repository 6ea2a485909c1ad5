package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// stage is auth and users, with an administrator and two people.
type stage struct {
	*rig
	c                *contract
	auth, users      string
	admin, anna, ben []string // Authorization
	annaID, benID    string
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{rig: newRig(t).generous(), c: newContract(t)}
	s.auth, s.users = s.rig.auth(), s.rig.users()
	admin := login(t, s.auth, "admin@localhost", adminSecret).want(t, "the admin", 200, "")
	s.admin = bearer(admin)
	var a, b reply
	s.annaID, a = person(t, s.auth, admin, "anna@example.org")
	s.benID, b = person(t, s.auth, admin, "ben@example.org")
	s.anna, s.ben = bearer(a), bearer(b)
	return s
}

func (s *stage) call(method, path, body string, header ...[]string) reply {
	s.t.Helper()
	var all []string
	for _, h := range header {
		all = append(all, h...)
	}
	return s.c.call(method, s.users, path, body, all...)
}

func head(name, value string) []string { return []string{name, value} }

func profile(name, email string) string { return fmt.Sprintf(`{"name":%q,"email":%q}`, name, email) }

// Seed: R10, R34, R60, B26, B27, B71, B72
func TestUsers_CreateReadChangeDelete(t *testing.T) {
	s := newStage(t)
	made := s.call("POST", "/v1/users", profile("Anna", "Anna@Example.org"), s.anna).want(t, "create", 201, "")
	id := made.get("id")
	if id != s.annaID || made.header.Get("Location") != "users/"+id || made.header.Get("ETag") != `"1"` || made.header.Get("X-RateLimit-Limit") == "" {
		t.Errorf("%v %s", made.header, made.body)
	}
	at := "/v1/users/" + id
	read := s.call("GET", at, "", s.anna).want(t, "read", 200, "")
	if string(read.body) != string(made.body) || read.get("name") != "Anna" || read.get("email") != "Anna@Example.org" {
		t.Errorf("%s, made %s", read.body, made.body)
	}
	if a := s.call("GET", at, "", s.anna, head("If-None-Match", `"1"`)); a.status != 304 || len(a.body) != 0 {
		t.Errorf("unchanged: %d %s", a.status, a.body)
	}
	if a := s.call("GET", "/v2/users/"+id, "", s.anna).want(t, "version 2", 200, ""); !strings.Contains(a.get("data"), `"attributes"`) {
		t.Errorf("%s", a.body)
	}
	changed := s.call("PUT", at, profile("Anna B", "b@example.org"), s.anna).want(t, "replace", 200, "")
	if changed.get("name") != "Anna B" || changed.header.Get("ETag") != `"2"` || changed.get("created_at") != made.get("created_at") {
		t.Errorf("%s", changed.body)
	}
	gone := s.call("DELETE", at, "", s.anna).want(t, "delete", 204, "")
	if len(gone.body) != 0 || gone.header.Get("Content-Type") != "" {
		t.Errorf("204 with %q %v", gone.body, gone.header)
	}
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		s.call(method, at, profile("Ghost", "ghost@example.org"), s.anna).want(t, method+" of what is gone", 404, "user_not_found")
	}
	if n := s.column("select count(*)::text from fn_users.users")[0]; n != "0" {
		t.Errorf("%s rows are left: something was created by a change", n)
	}
}

// All combinations of members: one, the other, both, none.
//
// Seed: B24, B25
func TestUsers_PatchOfEachCombination(t *testing.T) {
	s := newStage(t)
	s.call("POST", "/v1/users", profile("Anna", "a@example.org"), s.anna).want(t, "create", 201, "")
	at := "/v1/users/" + s.annaID
	for _, c := range []struct {
		body, name, email string
		status            int
	}{
		{`{"name":"Anna B"}`, "Anna B", "a@example.org", 200}, {`{"email":"b@example.org"}`, "Anna B", "b@example.org", 200}, {`{"name":"C","email":"c@example.org"}`, "C", "c@example.org", 200},
		{`{}`, "", "", 400}, {`{"name":null}`, "", "", 400}, {`{"name":"x","role":"admin"}`, "", "", 400}, {`{"id":"` + s.benID + `"}`, "", "", 400}, {`{"version":9}`, "", "", 400}, {`{`, "", "", 400}, {``, "", "", 400}, {`[]`, "", "", 400}, {`{"name":1}`, "", "", 400}, {`{"name":"a","name":"b"}`, "", "", 400},
	} {
		a := s.call("PATCH", at, c.body, s.anna).want(t, c.body, c.status, "")
		if c.status == 200 && (a.get("name") != c.name || a.get("email") != c.email) {
			t.Errorf("%s: %s", c.body, a.body)
		}
	}
	if a := s.call("GET", at, "", s.anna); a.get("name") != "C" || a.header.Get("ETag") != `"4"` {
		t.Errorf("after refusals: %s %v", a.body, a.header)
	}
}

// Seed: R13, B23, B73
func TestUsers_ValidationAtTheDoor(t *testing.T) {
	s := newStage(t)
	for body, code := range map[string]string{
		`{"name":1,"email":[]}`: "invalid_body", `{"name":"A"}`: "invalid_body", `{"email":"a@example.org"}`: "invalid_body", profile("", "a@example.org"): "invalid_body", profile("   ", "a@example.org"): "invalid_body",
		profile("A", "nobody"): "invalid_body", profile("A", "a@"): "invalid_body", profile(strings.Repeat("x", 101), "a@example.org"): "invalid_body", profile("A", strings.Repeat("x", 250)+"@example.org"): "invalid_body",
		`{"name":"A\u0000","email":"a@example.org"}`: "invalid_body", `{"name":"A","email":"a@example.org","roles":["admin"]}`: "invalid_body", `{"name":"A","email":"a@example.org","id":"1;--"}`: "invalid_body",
		`{"name":"A","email":"a@example.org"} x`: "bad_json", `{"name":"A","Name":"B","email":"a@example.org"}`: "duplicate_member", `<user/>`: "bad_json",
	} {
		s.call("POST", "/v1/users", body, s.admin).want(t, body, 400, code)
	}
	s.call("POST", "/v1/users", profile(strings.Repeat("x", 17<<10), "a@example.org"), s.admin).want(t, "17 KiB", 413, "body_too_large")
	s.call("POST", "/v1/users", "name=A", s.admin, head("Content-Type", "application/x-www-form-urlencoded")).want(t, "a form", 415, "not_json")
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "limit=1&limit=2", "after=1", "offset=1", "total=yes", "email=%00", "limit=%zz"} {
		s.call("GET", "/v1/users?"+query, "", s.admin).want(t, query, 400, "bad_query")
	}
	for _, id := range []string{"1", "1;--", strings.Repeat("a", 2000), "%00", "%E2%82%AC", "..", "%2e%2e", "null", "00000000-0000-0000-0000-000000000000"} {
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			if a := call(t, method, s.users+"/v1/users/"+id, `{"name":"x"}`, s.admin...); a.status != 404 {
				t.Errorf("%s %.40s: %d %s", method, id, a.status, a.body)
			}
		}
	}
}

// Seed: B23
func TestUsers_EmailIsUniqueWhateverItsCase(t *testing.T) {
	s := newStage(t)
	s.call("POST", "/v1/users", profile("Anna", "Same@Example.org"), s.anna).want(t, "the first", 201, "")
	s.call("POST", "/v1/users", profile("Ben", "same@example.ORG"), s.ben).want(t, "the second", 409, "email_taken")
	s.call("POST", "/v1/users", profile("Ben", "ben@example.org"), s.ben).want(t, "another", 201, "")
	s.call("PATCH", "/v1/users/"+s.benID, `{"email":"SAME@example.org"}`, s.ben).want(t, "changed to it", 409, "email_taken")
	s.call("PATCH", "/v1/users/"+s.annaID, `{"email":"SAME@example.org"}`, s.anna).want(t, "one's own in capitals", 200, "")
	s.call("POST", "/v1/users", profile("Anna", "x@example.org"), s.anna).want(t, "a second profile", 409, "user_exists")
	var created, conflicts atomic.Int64
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			a := s.call("POST", "/v1/users", profile("N", "one@example.org"), s.admin)
			for ; a.status == 503 || a.status == 504; a = s.call("POST", "/v1/users", profile("N", "one@example.org"), s.admin) {
				time.Sleep(time.Second) // a busy machine; a client comes again
			}
			switch a.status {
			case 201:
				created.Add(1)
			case 409:
				conflicts.Add(1)
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if created.Load() != 1 || s.column("select count(*)::text from fn_users.users where email_key = 'one@example.org'")[0] != "1" {
		t.Errorf("1,000 creates with one address: %d created, %d refused", created.Load(), conflicts.Load())
	}
}

func TestUsers_IdempotencyKey(t *testing.T) {
	s := newStage(t)
	key := head("Idempotency-Key", "k-1")
	var created, replayed, waits atomic.Int64
	var first atomic.Value
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			for {
				a := s.call("POST", "/v1/users", profile("N", "n@example.org"), s.admin, key)
				switch {
				case (a.status == 409 && a.get("code") == "request_in_flight" || a.status == 503 || a.status == 504) && a.header.Get("Retry-After") != "":
					waits.Add(1)
					time.Sleep(time.Second) // what Retry-After says
					continue
				case a.status != 201:
					t.Errorf("%d %s", a.status, a.body)
				case a.header.Get("Idempotency-Replayed") == "true":
					replayed.Add(1)
				default:
					created.Add(1)
				}
				if was := first.Swap(a.get("id")); was != nil && was != a.get("id") {
					t.Errorf("two ids for one key: %v and %s", was, a.get("id"))
				}
				return
			}
		})
	}
	all.Wait()
	if created.Load() != 1 || replayed.Load() != 999 || s.column("select count(*)::text from fn_users.users")[0] != "1" {
		t.Errorf("1,000 creates with one key: %d created, %d replayed, %d times told to wait", created.Load(), replayed.Load(), waits.Load())
	}
	s.call("POST", "/v1/users", profile("M", "n@example.org"), s.admin, key).want(t, "another body", 422, "idempotency_key_reused")
	s.call("POST", "/v1/users", profile("Anna", "anna@example.org"), s.anna, key).want(t, "another caller", 201, "")
	s.call("POST", "/v1/users", profile("N", "m@example.org"), s.admin, head("Idempotency-Key", strings.Repeat("k", 256))).want(t, "a long key", 400, "bad_idempotency_key")
	// What was refused is not remembered.
	s.call("POST", "/v1/users", profile("N", "n@example.org"), s.admin, head("Idempotency-Key", "k-2")).want(t, "a taken address", 409, "email_taken")
	s.call("POST", "/v1/users", profile("N", "o@example.org"), s.admin, head("Idempotency-Key", "k-2")).want(t, "the key again", 201, "")
}

func TestUsers_IfMatchRefusesTheLostUpdate(t *testing.T) {
	s := newStage(t)
	tag := s.call("POST", "/v1/users", profile("Anna", "a@example.org"), s.anna).header.Get("ETag")
	at := "/v1/users/" + s.annaID
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			a := s.call("PATCH", at, fmt.Sprintf(`{"name":"n%d"}`, i), s.anna, head("If-Match", tag))
			if a.status == 200 {
				won.Add(1)
			} else if a.status != 412 || a.get("code") != "version_changed" {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 20 changes from one version were made", won.Load())
	}
	for match, status := range map[string]int{`"1"`: 412, `W/"2"`: 412, `2`: 412, `"02"`: 412, `"x"`: 412, ``: 412, `"9", "1"`: 412} {
		s.call("DELETE", at, "", s.anna, head("If-Match", match)).want(t, "If-Match "+match, status, "")
	}
	s.call("PATCH", at, `{"name":"z"}`, s.anna, head("If-Match", "*")).want(t, "any", 200, "")
	s.call("DELETE", at, "", s.anna, head("If-Match", `"1", "3"`)).want(t, "one of two", 204, "")
	s.call("DELETE", at, "", s.anna, head("If-Match", "*")).want(t, "any of nothing", 404, "")
}

// Pages follow each other without a gap or an overlap, while rows come.
//
// Seed: B29, R60
func TestUsers_KeysetPages(t *testing.T) {
	s := newStage(t)
	for i := range 25 {
		s.call("POST", "/v1/users", profile("N", fmt.Sprintf("n%d@example.org", i)), s.admin).want(t, "create", 201, "")
	}
	seen := map[string]bool{}
	after, pages := "", 0
	for {
		a := s.call("GET", "/v1/users?limit=10&total=true"+after, "", s.admin).want(t, "a page", 200, "")
		var page struct {
			Users []struct{ ID string }
			Next  string
			Total int
		}
		if err := json.Unmarshal(a.body, &page); err != nil || page.Total < 25 {
			t.Fatal(err, page.Total)
		}
		for _, u := range page.Users {
			if seen[u.ID] {
				t.Errorf("%s is on two pages", u.ID)
			}
			seen[u.ID] = true
		}
		if pages++; page.Next == "" {
			break
		}
		after = "&after=" + page.Next
		s.call("POST", "/v1/users", profile("N", fmt.Sprintf("late%d@example.org", pages)), s.admin).want(t, "create", 201, "")
	}
	if len(seen) < 25 || pages < 3 {
		t.Errorf("%d users on %d pages", len(seen), pages)
	}
	if a := s.call("GET", "/v1/users?email=N7@Example.org", "", s.admin); strings.Count(string(a.body), `"id"`) != 1 {
		t.Errorf("%s", a.body)
	}
}

// Who may do what to whom: everybody to themselves, the administrator to all,
// nobody else to anybody.
//
// Seed: R59, B58
func TestUsers_MatrixOfCallerUserAndVerb(t *testing.T) {
	s := newStage(t)
	ids := map[string]string{"anna": s.annaID, "ben": s.benID}
	callers := map[string][]string{"admin": s.admin, "anna": s.anna, "ben": s.ben, "nobody": nil}
	for _, name := range []string{"anna", "ben"} {
		s.call("POST", "/v1/users", profile(name, name+"@example.org"), callers[name]).want(t, "create", 201, "")
	}
	tried, crossed := 0, 0
	for caller, proof := range callers {
		for owner, id := range ids {
			for _, method := range []string{"GET", "GET v2", "PUT", "PATCH", "DELETE"} {
				path := "/v1/users/" + id
				if method == "GET v2" {
					path = "/v2/users/" + id
				}
				verb, _, _ := strings.Cut(method, " ")
				own := caller == owner || caller == "admin"
				want := map[bool]int{true: 412, false: 404}[own]
				if own && verb == "GET" {
					want = 200
				}
				if caller == "nobody" {
					want = 401
				}
				a := s.call(verb, path, profile("changed", "changed@example.org"), proof, head("If-Match", `"99"`))
				if tried++; a.status != want {
					t.Errorf("%s by %s of %s: %d, want %d", method, caller, owner, a.status, want)
				}
				if !own && strings.Contains(string(a.body), owner+"@example.org") {
					crossed++
				}
			}
		}
		if caller == "nobody" {
			continue
		}
		list := s.call("GET", "/v1/users", "", proof).want(t, "list", 200, "")
		for owner := range ids {
			if own := caller == owner || caller == "admin"; strings.Contains(string(list.body), owner+"@example.org") != own {
				t.Errorf("the list of %s: %s", caller, list.body)
			}
		}
	}
	t.Logf("%d calls of caller, user and verb, %d crossed", tried, crossed)
	s.call("POST", "/v1/users", `{"id":"`+s.benID+`","name":"x","email":"x@example.org"}`, s.anna).want(t, "another's profile", 403, "not_yours")
}

// Seed: R62
func TestUsers_APIKeysHaveScopes(t *testing.T) {
	s := newStage(t)
	key := func(scope string) []string {
		a := call(t, "POST", s.auth+"/keys", fmt.Sprintf(`{"name":"k","scopes":[%q]}`, scope), s.anna...).want(t, "a key", 201, "")
		return head("X-API-Key", a.get("api_key"))
	}
	read, write := key("users:read"), key("users:write")
	s.call("POST", "/v1/users", profile("Anna", "a@example.org"), read).want(t, "create with read", 403, "scope_missing")
	s.call("POST", "/v1/users", profile("Anna", "a@example.org"), write).want(t, "create with write", 201, "")
	s.call("GET", "/v1/users/"+s.annaID, "", write).want(t, "read with write", 403, "scope_missing")
	s.call("GET", "/v1/users/"+s.annaID, "", read).want(t, "read with read", 200, "")
	s.call("GET", "/v1/users/"+s.benID, "", read).want(t, "another's", 404, "user_not_found")
	s.call("GET", "/v1/users", "", head("X-API-Key", "fns_x_y")).want(t, "a wrong key", 401, "invalid_token")
	s.call("GET", "/v1/users", "", read, s.anna).want(t, "two proofs", 401, "bad_authorization")
	token := call(t, "POST", s.auth+"/token", fmt.Sprintf(`{"api_key":%q}`, read[1])).want(t, "a token for it", 200, "")
	s.call("GET", "/v1/users/"+s.annaID, "", bearer(token)).want(t, "read with the token", 200, "")
	s.call("DELETE", "/v1/users/"+s.annaID, "", bearer(token)).want(t, "delete with the token", 403, "scope_missing")
}

// Seed: R58, R59, B68, B69
func TestUsers_PublicRoutesAndVersions(t *testing.T) {
	s := newStage(t)
	s.call("GET", "/public/status", "").want(t, "status", 200, "")
	page := s.call("GET", "/public/docs", "").want(t, "docs", 200, "")
	if b := string(page.body); !strings.Contains(b, "<h3 id=\"create-user\">") || strings.Contains(strings.ToLower(b), "<script") || !strings.Contains(page.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v %.200s", page.header, b)
	}
	s.call("GET", "/public/openapi.json", "").want(t, "the document", 200, "")
	for _, path := range []string{"/publicity", "/public", "/v10/users", "/v1users", "/v1/users/", "/v2/users"} {
		call(t, "GET", s.users+path, "", s.admin...).want(t, path, 404, "no_endpoint")
	}
	if a := call(t, "DELETE", s.users+"/v1/users", "", s.admin...).want(t, "a wrong method", 405, "method_not_allowed"); a.header.Get("Allow") != "GET, HEAD, POST, OPTIONS" {
		t.Errorf("%v", a.header)
	}
	s.env["v1_deprecated"], s.env["v1_sunset"] = "2027-01-31", "2027-07-31"
	s.call("POST", "/v1/users", profile("Anna", "a@example.org"), s.anna).want(t, "create", 201, "")
	aged := call(t, "GET", s.rig.users()+"/v1/users/"+s.annaID, "", s.anna...).want(t, "what goes", 200, "")
	if h := aged.header; h.Get("Deprecation") != "@1801353600" || h.Get("Sunset") != "Sat, 31 Jul 2027 00:00:00 GMT" || h.Get("Link") != "<../../v2/users/"+s.annaID+`>; rel="successor-version"` {
		t.Errorf("%v", h)
	}
	if a := call(t, "POST", s.users+"/", `{"op":"change-user","id":"`+s.annaID+`","name":"By name"}`, s.anna...).want(t, "by name", 200, ""); a.get("name") != "By name" {
		t.Errorf("%s", a.body)
	}
	if a := call(t, "GET", s.users+"/v1/users/1", "", append(s.anna, "Accept", "application/json")...); a.status != 404 || strings.TrimSpace(string(a.body)) != `{"error":{"code":404,"message":"there is no user with this id"}}` {
		t.Errorf("%s", a.body)
	}
}
