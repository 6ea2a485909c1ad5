package api

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// parsing gives the bodies of JSONTestSuite by their names; y_ ones are JSON and
// n_ ones are not.
func parsing(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/jsontestsuite.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(h.Name, "test_parsing/"); ok && strings.HasSuffix(name, ".json") {
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			bodies[name] = string(b)
		}
	}
	return bodies
}

// Whatever JSON or not JSON is sent, the blame is the caller's.
func TestUsers_OddBodiesAreNo5xx(t *testing.T) {
	s := newStage(t)
	bodies := parsing(t)
	tried := 0
	for name, body := range bodies {
		for _, target := range []string{s.users + "/v1/users", s.users + "/", s.auth + "/token", s.auth + "/refresh"} {
			a := call(t, "POST", target, body, s.admin...)
			if tried++; a.status < 400 || a.status >= 500 {
				t.Errorf("%s to %s: %d %s", name, target, a.status, a.body)
			}
		}
		// As a member of what is right apart from it.
		a := call(t, "POST", s.users+"/v1/users", `{"name":`+body+`,"email":"a@example.org"}`, s.admin...)
		if tried++; a.status >= 500 || a.status == 201 && !strings.HasPrefix(name, "y_") && !strings.HasPrefix(name, "i_") {
			t.Errorf("%s as a name: %d %s", name, a.status, a.body)
		}
		if a.status == 201 {
			call(t, "DELETE", s.users+"/v1/users/"+a.get("id"), "", s.admin...).want(t, "delete", 204, "")
		}
	}
	if len(bodies) != 318 {
		t.Errorf("%d bodies, want 318", len(bodies))
	}
	t.Logf("%d calls with odd bodies", tried)
}

// What is accepted as a name comes back as it was sent.
func TestUsers_NaughtyStrings(t *testing.T) {
	s := newStage(t)
	raw, err := os.ReadFile("testdata/naughty-strings.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	made := s.call("POST", "/v1/users", profile("Anna", "a@example.org"), s.anna).want(t, "create", 201, "")
	at, accepted := "/v1/users/"+made.get("id"), 0
	for i, text := range list {
		b, _ := json.Marshal(map[string]string{"name": text})
		a := s.call("PATCH", at, string(b), s.anna)
		switch {
		case a.status == 200 && a.get("name") == text:
			accepted++
		case a.status != 400:
			t.Errorf("%q: %d %s", text, a.status, a.body)
		}
		b, _ = json.Marshal(map[string]string{"email": text})
		if a := s.call("PATCH", at, string(b), s.anna); a.status != 400 && a.status != 200 {
			t.Errorf("%q as an address: %d %s", text, a.status, a.body)
		}
		if len(list) > 100 && accepted%10 == 9 { // now and then what is stored, not what was said
			if a := s.call("GET", at, "", s.anna); a.status != 200 {
				t.Errorf("after %q: %d", text, a.status)
			}
		}
		if i%20 > 0 {
			continue // a password takes its time
		}
		b, _ = json.Marshal(map[string]string{"email": text, "password": text})
		if a := call(t, "POST", s.auth+"/token", string(b)); a.status != 401 && a.status != 400 {
			t.Errorf("%q as a login: %d %s", text, a.status, a.body)
		}
	}
	if accepted < 300 {
		t.Errorf("%d of %d strings were accepted as names", accepted, len(list))
	}
	t.Logf("%d strings, %d accepted as names", len(list), accepted)
}
