package asl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/jsonata"
)

// The definitions of other validators, if FNSTORE_ASL_SUITE names a folder with
// files called valid-*.json and invalid-*.json. The counts are logged: what
// fails is listed with its reason in docs/asl.md.
func TestSuite_ValidAndInvalid(t *testing.T) {
	dir := os.Getenv("FNSTORE_ASL_SUITE")
	if dir == "" {
		t.Log("no suite was given in FNSTORE_ASL_SUITE: nothing was run")
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*valid-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no definitions in ", dir, err)
	}
	passed := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		m, issues := definition.Parse(text, jsonata.Language{})
		if valid := strings.HasPrefix(name, "valid-"); valid == (m != nil) {
			passed++
		} else {
			t.Logf("%s: valid here is %v: %v", name, m != nil, issues.Err())
		}
	}
	t.Logf("passed %d of %d", passed, len(files))
}
