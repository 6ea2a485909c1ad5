package faascli

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// builds has faas-cli lay out a build context, and fnstore the same in another
// copy of the project: names, modes and bytes must be one.
func (j *judge) builds() {
	j.chapter("Build contexts", "`fnstore build` lays them out the same, to the byte.")
	j.wants("", line("build --shrinkwrap -f stack.yml --filter hello"), "hello")
	theirs := contents(j.t, filepath.Join(j.dir, "build/hello"))

	ours := j.t.TempDir()
	for _, part := range []string{"stack.yml", "go.mod", "go.sum"} {
		write(j.t, filepath.Join(ours, part), read(j.t, filepath.Join(j.dir, part)))
	}
	for _, part := range []string{"kit", "functions", "template"} {
		if err := os.CopyFS(filepath.Join(ours, part), os.DirFS(filepath.Join(j.dir, part))); err != nil {
			j.t.Fatal(err)
		}
	}
	// What is remembered of the last build would make this one a glance.
	old, err := filepath.Glob(filepath.Join(j.store.State, "build/*.json"))
	if err != nil || len(old) == 0 {
		j.t.Fatalf("nothing is remembered of builds: %v", err)
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			j.t.Fatal(err)
		}
	}
	build := j.store.Command("build", "--filter", "hello")
	build.Dir = ours
	if out, err := build.CombinedOutput(); err != nil {
		j.t.Fatalf("fnstore build: %v %s", err, out)
	}
	mine := contents(j.t, filepath.Join(ours, "build/hello"))
	all := maps.Clone(mine)
	maps.Copy(all, theirs)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if mine[name] != theirs[name] {
			j.t.Errorf("%s: faas-cli makes %q, fnstore %q", name, theirs[name], mine[name])
		}
	}
	if len(theirs) < 10 {
		j.t.Errorf("the context has %d files", len(theirs))
	}
}

// contents gives each file's mode and what is in it.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		all[rel] = info.Mode().String()
		if !d.IsDir() {
			all[rel] += fmt.Sprintf(" %x", sha256.Sum256([]byte(read(t, path))))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
