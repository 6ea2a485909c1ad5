package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/runtime/process/launch"
	"fnstore/runtime/provider"
)

// The files of an image's working directory are what a function starts among: it
// reads and runs them, and changes none.
func TestProcess_WorkingDirectory(t *testing.T) {
	dir := shortDir(t)
	work := filepath.Join(dir, "image", "workdir")
	if err := os.MkdirAll(filepath.Join(work, "static"), 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for to, from := range map[string]string{"image/handler": self, "image/workdir/tool": "/bin/true"} {
		if out, err := exec.Command("install", "-m", "755", from, filepath.Join(dir, to)).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	page := filepath.Join(work, "static", "page.html")
	if err := os.WriteFile(page, []byte("hello"), 0o444); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir)
	r.deploy(t, deployment("f", nil))
	for _, c := range []struct{ path, want string }{
		{"/read?path=static/page.html", "<nil>"}, // relative: it starts there
		{"/run?path=./tool", "<nil>"},
	} {
		if got := r.get(t, "f", c.path); got != c.want {
			t.Errorf("%s: %s", c.path, got)
		}
	}
	if os.Geteuid() != 0 && !launch.HasLandlock() {
		return // nothing here keeps it from its own user's files; that is said at start
	}
	for _, path := range []string{"static/page.html", "static/other.html", "new", "../handler", "../other"} {
		if got := r.get(t, "f", "/write?path="+path); !strings.Contains(got, "denied") && !strings.Contains(got, "busy") {
			t.Errorf("write %s: %s", path, got)
		}
	}
	if b, err := os.ReadFile(page); err != nil || string(b) != "hello" {
		t.Errorf("the page is %q, %v", b, err)
	}
}

// Whoever sets an fprocess that nothing reads finds that in the function's log.
func TestProcess_FprocessWithoutEffect(t *testing.T) {
	r := open(t, shortDir(t))
	for name, process := range map[string]string{"cat": "cat", "handler": provider.DefaultFprocess, "none": ""} {
		d := deployment(name, nil)
		d.EnvProcess = process
		r.deploy(t, d)
		r.get(t, name, "/pid")
		log, err := os.ReadFile(filepath.Join(r.dir, "logs", name+".ndjson"))
		if warned := strings.Contains(string(log), "has no effect"); err != nil || warned != (process == "cat") {
			t.Errorf("fprocess %q: %s, %v", process, log, err)
		}
	}
}
