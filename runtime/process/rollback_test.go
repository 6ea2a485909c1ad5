package process

import (
	"fmt"
	"testing"

	"fnstore/kit/fault"
)

func TestRollback_ToEarlierVersions(t *testing.T) {
	dir := shortDir(t)
	r := open(t, dir)
	at := func(want string) {
		t.Helper()
		for r.get(t, "f", "/version") != want {
		}
	}
	if err := r.Rollback(t.Context(), "f", ""); fault.Of(err).Code != "function_not_found" {
		t.Errorf("of nothing: %v", err)
	}
	for n := 1; n <= 8; n++ {
		d := deployment("f", map[string]string{"VERSION": fmt.Sprint(n)})
		d.Image = fmt.Sprintf("127.0.0.1:5000/t/f@sha256:%015d", n)
		r.deploy(t, d)
		if n == 1 {
			if err := r.Rollback(t.Context(), "f", ""); fault.Of(err).Code != "no_version" {
				t.Errorf("of the first: %v", err)
			}
		}
	}
	at("8")
	rollback := func(digest, want string) {
		t.Helper()
		if err := r.Rollback(t.Context(), "f", digest); err != nil {
			t.Fatal(err)
		}
		at(want)
	}
	rollback("", "7")
	rollback("", "8") // which undoes it
	rollback("sha256:000000000000004", "4")

	// What was is remembered across restarts, and nothing twice.
	r.Close()
	r = open(t, dir)
	at("4")
	list, err := r.Versions(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range list {
		got = append(got, fmt.Sprintf("%s %v", v.Digest[len(v.Digest)-1:], v.Current))
	}
	if fmt.Sprint(got) != "[4 true 8 false 7 false 6 false 5 false 3 false]" {
		t.Errorf("versions %v", got)
	}
	rollback("000000000000006", "6")
	for _, digest := range []string{"sha256:000000000000001", "sha256:f", "nonsense"} {
		if err := r.Rollback(t.Context(), "f", digest); fault.Of(err).Code != "no_version" {
			t.Errorf("to %s: %v", digest, err)
		}
	}
	s, err := r.Get(t.Context(), "f")
	if err != nil || (s.EnvVars)["VERSION"] != "6" {
		t.Errorf("status %+v, %v", s, err)
	}
}
