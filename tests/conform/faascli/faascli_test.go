package faascli

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// One user, one session: each step stands on the ones before.
func TestFaasCLI(t *testing.T) {
	j := newJudge(t)
	for _, step := range []func(){
		j.login, j.deploy, j.looks, j.invokes, j.reads, j.submits, j.keepsSecrets, j.shops, j.namesSpaces, j.templates, j.pins, j.builds, j.removes,
	} {
		step()
	}
	j.page.compare(t, filepath.Join(j.store.Root, "docs/faas-cli.md"))
}

func (j *judge) login() {
	j.chapter("Log in", "The password is in `.fnstore/credentials/gateway-password`.")
	j.refuses("", line("list"), `run "faas-cli login"`)
	j.refuses("not-it", line("login --password-stdin"), "either username or password is incorrect")
	j.wants(j.store.Password, line("login --password-stdin"), "credentials saved for admin "+j.store.URL)
	config := read(j.t, filepath.Join(j.home, ".openfaas/config.yml"))
	if !strings.Contains(config, base64.StdEncoding.EncodeToString([]byte("admin:"+j.store.Password))) {
		j.t.Errorf("the login was not kept: %s", config)
	}
	j.wants("", line("ready --attempts 5 --interval 1s"), "ready")
	j.wants("", line("version --warn-update=false"), "fnstore", "process")
}

func (j *judge) deploy() {
	j.chapter("Deploy and compare", "The images are in the store's registry: `fnstore build`, `fnstore up` or `docker push` put them there.")
	j.wants("", line("deploy -f stack.yml"), "Deployed. 202 Accepted", j.store.URL+"/function/hello")
	j.wants("", line("diff -f stack.yml"))
	j.wants("", line("deploy -f stack.yml --filter hello"), "hello.", "202 Accepted")
	j.chapter("Deploy without a stack file", "In a folder that has none: with one, faas-cli deploys that file whatever else it is told.")
	defer j.in(j.t.TempDir())()
	j.wants("", line("deploy --image %s/fnstore/hello:dev --name greeter --env greeting=hi --label tier=demo --annotation fnstore.note=trial", j.store.Env["FNSTORE_REGISTRY"]),
		"Deployed. 202 Accepted")
}

func (j *judge) looks() {
	j.chapter("Look", "")
	j.wants("", line("ready hello --attempts 30 --interval 1s"), "hello")
	j.wants("", line("list"), "hello", "thumbnail", "greeter")
	j.wants("", line("list --verbose"), "/fnstore/hello:dev")
	j.wants("", line("describe hello"), "Ready", "/fnstore/hello:dev")
	j.refuses("", line("describe nobody"), "nobody")
}

func (j *judge) invokes() {
	j.chapter("Call", "")
	j.wants(`{"name":"OpenFaaS"}`, line("invoke hello"), "Hello, OpenFaaS!")
	j.wants("", line("invoke hello --method GET --query name=edge"), "Hello, edge!")
	j.refuses("", line("invoke nobody"), "404")
	j.refuses("", line("invoke thumbnail"), "401")
}

// submits comes after the logs were read: nobody knows when the call is made.
func (j *judge) submits() {
	j.chapter("Call later", "202 means that the call is kept and will be made, also after a power cut.")
	j.wants(`{"name":"later"}`, line("invoke hello --async"), "Function submitted asynchronously.")
	j.refuses("", line("invoke nobody --async"), "404")
}

func (j *judge) reads() {
	j.chapter("Logs", "")
	j.wants("", line("logs hello --tail=false --lines 1"), `"msg":"request"`)
	j.wants("", line("logs hello --tail=false --since 1h --lines 1 --instance --name"), "hello")
	j.refuses("", line("logs nobody --tail=false"), "404")
}

func (j *judge) keepsSecrets() {
	j.chapter("Secrets", "")
	j.wants("one", line("secret create api-key"), "202 Accepted")
	j.wants("two", line("secret create api-key"), "already exists")
	j.wants("", line("secret list"), "api-key", "event-key")
	j.wants("two", line("secret update api-key"), "202 Accepted")
	if got := read(j.t, filepath.Join(j.store.State, "secrets/api-key")); got != "two" {
		j.t.Errorf("the secret is %q", got)
	}
	write(j.t, filepath.Join(j.dir, ".secrets/api-key"), "three")
	write(j.t, filepath.Join(j.dir, ".secrets/other-key"), "four")
	j.wants("", line("secret apply"), "api-key", "other-key")
	if got := read(j.t, filepath.Join(j.store.State, "secrets/api-key")); got != "three" {
		j.t.Errorf("after apply the secret is %q", got)
	}
	j.wants("", line("secret remove api-key"), "OK")
	j.wants("", line("secret remove other-key"), "OK")
	j.refuses("", line("secret remove api-key"), "Unable to find secret")
}

// shops reads the manifest that fnstore makes of the stack file.
func (j *judge) shops() {
	j.chapter("The store", "`fnstore store` prints the manifest that faas-cli reads; serve it as a file anywhere.")
	cmd := j.store.Command("store")
	cmd.Env = append(cmd.Env, "FNSTORE_REGISTRY="+j.store.Env["FNSTORE_REGISTRY"])
	manifest, err := cmd.Output()
	if err != nil {
		j.t.Fatalf("fnstore store: %v", err)
	}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(manifest) }))
	defer shop.Close()
	j.page.replace(shop.URL, "http://127.0.0.1:8090")
	at := "--url " + shop.URL + "/store.json"
	j.wants("", line("store list %s", at), "hello", "thumbnail")
	j.wants("", line("store describe hello %s", at), "/fnstore/hello:dev")
	j.wants("", line("store deploy hello --name shopped %s", at), "Deployed. 202 Accepted")
	j.wants("", line("ready shopped --attempts 30 --interval 1s"), "shopped")
	j.wants("", line("invoke shopped"), "Hello, World!")
	j.wants("", line("generate -f stack.yml"), "kind: Function", "name: hello")
}

func (j *judge) namesSpaces() {
	j.chapter("Namespaces", "There is one.")
	j.wants("", line("namespaces"), "openfaas-fn")
	j.wants("", line("namespace list"), "openfaas-fn")
	j.refuses("", line("list --namespace other"), "other")
}

// templates pulls ours from a git repository and makes a function of it.
func (j *judge) templates() {
	j.chapter("A function of your own", "The template comes from a git repository, here a local one.")
	repo := j.t.TempDir()
	if err := os.CopyFS(filepath.Join(repo, "template"), os.DirFS(filepath.Join(j.store.Root, "template"))); err != nil {
		j.t.Fatal(err)
	}
	for _, args := range []string{"init -q", "add -A", "-c user.name=you -c user.email=you@example.com commit -q -m template"} {
		git := exec.Command("git", strings.Fields(args)...)
		git.Dir, git.Env = repo, j.env()
		if out, err := git.CombinedOutput(); err != nil {
			j.t.Fatalf("git %s: %v %s", args, err, out)
		}
	}
	own := j.t.TempDir()
	j.page.replace(repo, "../templates", own, "own")
	defer j.in(own)()
	j.wants("", line("template pull %s", repo), "golang-middleware")
	j.wants("", line("new greet --lang golang-middleware --prefix %s/own", j.store.Env["FNSTORE_REGISTRY"]), "Function created in folder: greet")
	j.wants("", line("build --shrinkwrap -f stack.yaml"), "greet")
	build := j.store.Command("build", "-f", "stack.yaml")
	build.Dir = own
	if out, err := build.CombinedOutput(); err != nil {
		j.t.Fatalf("fnstore build of what faas-cli new made: %v %s", err, out)
	}
	j.wants("", line("deploy -f stack.yaml"), "Deployed. 202 Accepted")
	j.wants("", line("diff -f stack.yaml"))
	j.wants("", line("ready greet --attempts 30 --interval 1s"), "greet")
	j.wants("it works", line("invoke greet"), "Body: it works")
	j.wants("", line("remove -f stack.yaml"), "greet")
}

func (j *judge) removes() {
	j.chapter("Remove", "")
	defer j.in(j.t.TempDir())()
	j.wants("", line("remove greeter"), "greeter")
	j.wants("", line("remove shopped"), "shopped")
	j.refuses("", line("remove nobody"), "nobody")
	if said := j.wants("", line("list --quiet"), "hello"); strings.Contains(said, "greeter") || strings.Contains(said, "shopped") {
		j.t.Errorf("what was removed is still there: %s", said)
	}
}
