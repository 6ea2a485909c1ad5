package faascli

import (
	"encoding/json"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository puts our templates under version v1 into a git repository and
// serves it as hosts of repositories do.
func repository(t *testing.T, j *judge) (url string) {
	t.Helper()
	dir := t.TempDir()
	repo := filepath.Join(dir, "templates.git")
	if err := os.CopyFS(filepath.Join(repo, "template"), os.DirFS(filepath.Join(j.store.Root, "template"))); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"init -q", "add -A", "-c user.name=you -c user.email=you@example.com commit -q -m template", "tag v1"} {
		git(t, j, repo, strings.Fields(args)...)
	}
	// After the tag, the branch goes where the pinned must not follow.
	if err := os.Remove(filepath.Join(repo, "template/golang-middleware/build.sh")); err != nil {
		t.Fatal(err)
	}
	git(t, j, repo, strings.Fields("-c user.name=you -c user.email=you@example.com commit -q -a -m broken")...)
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&cgi.Handler{Path: program, Args: []string{"http-backend"},
		Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"}})
	t.Cleanup(server.Close)
	return server.URL + "/templates.git"
}

func git(t *testing.T, j *judge, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, j.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v %s", strings.Join(args, " "), err, out)
	}
}

// pins pulls a version of the templates, which stays what it was.
func (j *judge) pins() {
	j.chapter("A template at a version", "`#v1` names a tag, a branch or, as `#sha-…`, a commit. Functions say `lang: golang-middleware@v1` and go on being built with it.")
	url := repository(j.t, j)
	catalog, err := json.Marshal([]map[string]any{{
		"template": "golang-middleware", "platform": "x86_64", "language": "Go", "source": "fnstore", "description": "HTTP middleware in Go, in one process",
		"repo": url + "#v1", "official": "false", "recommended": true,
	}})
	if err != nil {
		j.t.Fatal(err)
	}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(catalog) }))
	defer shop.Close()
	own := j.t.TempDir()
	j.page.replace(url, "https://git.example.com/templates.git", shop.URL, "https://example.com", own, "pinned")
	defer j.in(own)()
	j.wants("", line("template pull %s#v1", url), "golang-middleware@v1")
	j.wants("", line("template store list --url %s/templates.json", shop.URL), "golang-middleware", "fnstore")
	j.wants("", line("template store describe golang-middleware --url %s/templates.json", shop.URL), "HTTP middleware in Go")
	j.wants("", line("template store pull golang-middleware --url %s/templates.json", shop.URL), "golang-middleware")
	j.wants("", line("new pinned --lang golang-middleware@v1 --prefix %s/own", j.store.Env["FNSTORE_REGISTRY"]), "Function created in folder: pinned")
	build := j.store.Command("build", "-f", "stack.yaml")
	build.Dir = own
	if out, err := build.CombinedOutput(); err != nil {
		j.t.Fatalf("fnstore build with a pinned template: %v %s", err, out)
	}
	j.wants("", line("deploy -f stack.yaml"), "Deployed. 202 Accepted")
	j.wants("", line("ready pinned --attempts 30 --interval 1s"), "pinned")
	j.wants("at a version", line("invoke pinned"), "Body: at a version")
	j.wants("", line("remove -f stack.yaml"), "pinned")
}
