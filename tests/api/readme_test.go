package api

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	auth "fnstore/functions/auth"
	users "fnstore/functions/users"
	webhook "fnstore/functions/webhook"
)

var fence = regexp.MustCompile("(?s)```sh\n(.*?)```")

// What the pages of the functions say to try works as it stands there, one after
// the other, in one shell.
func TestReadme_WalkThrough(t *testing.T) {
	for _, tool := range []string{"curl", "jq", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "true" {
				t.Skipf("%s is not installed", tool)
			}
			t.Fatal(err)
		}
	}
	r := newRig(t)
	r.env["limit_budget"] = "30s"
	r.set("webhook-github", hookKey)
	mux := http.NewServeMux()
	add := func(name string, h http.Handler, err error) {
		if err != nil {
			t.Fatal(err)
		}
		mux.Handle("/function/"+name+"/", http.StripPrefix("/function/"+name, h))
	}
	a, err := auth.Open(r.getenv, r.read)
	add("auth", a, err)
	u, err := users.Open(r.getenv, r.read)
	add("users", u, err)
	w, err := webhook.Open(r.getenv, r.read)
	add("webhook", w, err)
	gateway := httptest.NewServer(mux)
	defer gateway.Close()
	dir := t.TempDir()
	for _, name := range []string{"auth-admin", "webhook-github"} {
		value, _ := r.read(name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := "set -eu\ncurl() { command curl --fail-with-body \"$@\"; }\n"
	for _, fn := range []string{"auth", "users", "webhook"} {
		page, err := os.ReadFile("../../functions/" + fn + "/README.md")
		if err != nil {
			t.Fatal(err)
		}
		m := fence.FindSubmatch(page)
		if m == nil {
			t.Fatalf("the page of %s has nothing to try", fn)
		}
		script += string(m[1])
	}
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GATEWAY="+gateway.URL, "SECRETS="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"email":"anna@example.org","roles":["user"]`, `"kty":"OKP"`, `"name":"Anna B."`, `"users":[`, `"status":"accepted"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the output does not have %s:\n%s", want, out)
		}
	}
}
