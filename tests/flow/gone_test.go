package flow

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Files of a version were removed by hand. While the registry has its image, a
// rollback unpacks it again; when that has gone too, it says so and what is
// deployed serves on.
func TestGone_RollbackToWhatIsNotThere(t *testing.T) {
	fits(t)
	dir := project(t)
	must(t, dir, "", []string{"new", "gone"})
	must(t, dir, "", []string{"deploy", "gone"}, "gone serves")
	t.Cleanup(func() { _, _ = fnstore(t, dir, "", "remove", "gone") })
	handler := filepath.Join(dir, "functions/gone/handler.go")
	b, err := os.ReadFile(handler)
	if err != nil {
		t.Fatal(err)
	}
	save(t, handler, string(b)+"\nfunc init() { println(\"another version\") }\n")
	must(t, dir, "", []string{"deploy", "gone"}, "gone serves")
	versions := regexp.MustCompile(`sha256:[0-9a-f]+ .*`).FindAllString(must(t, dir, "", []string{"rollback", "gone", "--list"}), -1)
	if len(versions) != 2 {
		t.Fatalf("versions %q", versions)
	}
	digest, _, _ := strings.Cut(versions[1], " ")
	found, err := filepath.Glob(filepath.Join(shared.State, "unpacked", strings.TrimPrefix(digest, "sha256:")+"*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s is unpacked at %q, %v", digest, found, err)
	}
	forget := func(path string) {
		t.Helper()
		if _, err := os.Lstat(path); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	forget(found[0])
	must(t, dir, "", []string{"rollback", "gone", "--to", digest}, "*  "+digest)
	must(t, dir, "", []string{"rollback", "gone"}) // forth again, so that it is not what serves

	forget(found[0])
	forget(filepath.Join(shared.State, "registry/repos/fnstore/gone/_manifests", filepath.Base(found[0])))
	out, err := fnstore(t, dir, "", "rollback", "gone", "--to", digest)
	if err == nil || !strings.Contains(out, "image_missing") || !strings.Contains(out, "build it or push it again") {
		t.Errorf("rollback to an image that is nowhere: %v %s", err, out)
	}
	if status, body := post(t, shared, "/function/gone", `{"text":"x"}`); status != http.StatusOK {
		t.Errorf("what was deployed answers %d %s", status, body)
	}
}
