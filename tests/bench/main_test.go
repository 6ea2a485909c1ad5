package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A section that nobody runs is a bar that nobody sees.
func TestBench_EverySectionIsRun(t *testing.T) {
	folders, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		files, err := filepath.Glob(filepath.Join(f.Name(), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		main := slices.ContainsFunc(files, func(path string) bool {
			b, err := os.ReadFile(path)
			return err == nil && !strings.HasSuffix(path, "_test.go") && strings.Contains(string(b), "\npackage main\n")
		})
		if main && !slices.ContainsFunc(sections, func(s section) bool { return s.name == f.Name() }) {
			t.Errorf("tests/bench/%s is not in the list of sections, so make bench leaves it out", f.Name())
		}
	}
}

func TestBench_SectionsAreChosenByName(t *testing.T) {
	list, err := choose("wake,server")
	if err != nil || len(list) != 2 || list[0].name != "server" || list[1].name != "wake" {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := choose("server,nothing"); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a section that is not there: %v", err)
	}
}

func TestBench_EachTestIsARow(t *testing.T) {
	v := verdicts{section: "x"}
	for _, piece := range []string{"=== RUN A\n    a_test.go:7: 12 kil", "ls\n--- PA", "SS: A (0.00s)\n    --- PASS: A/b\n--- FAIL: B (1s)\n", "    c_test.go:1: no root\n--- SKIP: C (0s)\nPASS\n"} {
		if _, err := io.WriteString(&v, piece); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.rows) != 3 || v.rows[0].Note != "12 kills" || !v.rows[0].Met() || v.rows[1].Met() || v.rows[2].Met() || v.rows[2].Note != "no root" {
		t.Errorf("%+v", v.rows)
	}
}
