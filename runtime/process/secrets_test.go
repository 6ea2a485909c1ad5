package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/kit/fault"
)

// A secret that is removed while a function lists it keeps none of the others
// from it: they go on to change, and after a restart the function starts, with a
// warning in its log.
func TestSecrets_OneIsRemovedWhileItIsListed(t *testing.T) {
	dir := shortDir(t)
	r := open(t, dir)
	for _, name := range []string{"first", "second"} {
		if err := r.secrets.Create(name, []byte("old")); err != nil {
			t.Fatal(err)
		}
	}
	d := deployment("f", nil)
	d.Secrets = []string{"first", "second"}
	r.deploy(t, d)
	if err := r.secrets.Delete("first"); err != nil {
		t.Fatal(err)
	}
	if err := r.secrets.Update("second", []byte("new")); err != nil {
		t.Fatal(err)
	}
	if got := r.get(t, "f", "/secret?name=second"); got != "new<nil>" {
		t.Errorf("the other one is %q", got)
	}
	if got := r.get(t, "f", "/secret?name=first"); !strings.Contains(got, "no such file") {
		t.Errorf("the removed one is %q", got)
	}
	r.Close()

	r = open(t, dir)
	if got := r.get(t, "f", "/secret?name=second"); got != "new<nil>" {
		t.Errorf("after a restart: %q", got)
	}
	if said := logged(t, dir, "f"); !strings.Contains(said, "there is no secret first any more") {
		t.Errorf("its log says nothing of it: %s", said)
	}
	if err := r.secrets.Create("first", []byte("again")); err != nil {
		t.Fatal(err)
	}
	if got := r.get(t, "f", "/secret?name=first"); got != "again<nil>" {
		t.Errorf("made again it is %q", got)
	}
	d.EnvVars["VERSION"] = "2"
	if err := r.secrets.Delete("first"); err != nil {
		t.Fatal(err)
	}
	if err := r.Deploy(t.Context(), d); fault.Of(err).Code != "secret_missing" {
		t.Errorf("a new version without it: %v", err)
	}
}

// logged is what is written of the function.
func logged(t *testing.T, dir, name string) (text string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "logs", name+"*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
	}
	return text
}
