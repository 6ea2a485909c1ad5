package architecture

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestLinks holds functions/x/links.txt: every package outside the standard
// library that the function's program carries, the function's own among them.
// By hand it is
//
//	go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./functions/x | sort
//
// for linux/amd64. The go command is a child whose reading `go test` does not
// see; so the test reads the tree itself first, go.mod and go.sum in it, and a
// kept result is one about these very files. What go.sum names never changes.
func TestLinks(t *testing.T) {
	files(t)
	for _, name := range folders(t) {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./functions/"+name)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off")
		out, err := cmd.Output()
		if err != nil {
			stderr := ""
			if e, ok := err.(*exec.ExitError); ok {
				stderr = string(e.Stderr)
			}
			t.Errorf("what functions/%s links cannot be listed: %v\n%s", name, err, stderr)
			continue
		}
		want := map[string]bool{}
		for path := range strings.FieldsSeq(string(out)) {
			want[path] = true
		}
		at := "functions/" + name + "/links.txt"
		if *update {
			page(t, at, []byte(strings.Join(slices.Sorted(maps.Keys(want)), "\n")+"\n"))
			continue
		}
		got := map[string]bool{}
		for path := range strings.FieldsSeq(string(read(t, at))) {
			got[path] = true
		}
		for _, path := range slices.Sorted(maps.Keys(want)) {
			if !got[path] {
				t.Errorf("%s does not have %s, which the function carries and pays for at every cold start. If it is worth that, say in the change what the user gets, and run `make docs`.", at, path)
			}
		}
		for _, path := range slices.Sorted(maps.Keys(got)) {
			if !want[path] {
				t.Errorf("%s has %s, which the function does not carry any more. Run `make docs`.", at, path)
			}
		}
	}
}
