package server_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the copies anew")

// golang-http serves with the same server. faas-cli takes one template's folder
// alone into a build, so it has copies, and they are kept equal here.
func TestCopiesAreEqual(t *testing.T) {
	const here, there = "..", "../../golang-http"
	files := []string{"build.sh", "Dockerfile"}
	sources, _ := filepath.Glob("*.go")
	for _, f := range sources {
		if !strings.HasSuffix(f, "_test.go") {
			files = append(files, "server/"+f)
		}
	}
	wanted := map[string]bool{}
	for _, f := range files {
		wanted[filepath.Base(f)] = true
		want, err := os.ReadFile(filepath.Join(here, f))
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(filepath.Join(there, f), want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, _ := os.ReadFile(filepath.Join(there, f)); string(got) != string(want) {
			t.Errorf("template/golang-http/%s is not golang-middleware's, so one of the templates lacks a mending of the other. Run `go test ./template/golang-middleware/server -run TestCopiesAreEqual -update`.", f)
		}
	}
	copies, _ := filepath.Glob(there + "/server/*")
	for _, c := range copies {
		if !wanted[filepath.Base(c)] {
			if *update {
				os.Remove(c)
				continue
			}
			t.Errorf("%s is no copy of anything: change golang-middleware's server instead.", c)
		}
	}
}
