package flow

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// project is a copy of what a function is made from, to be changed at will.
func project(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []string{"stack.yml", "go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(shared.Root, part))
		if err != nil {
			t.Fatal(err)
		}
		save(t, filepath.Join(dir, part), string(b))
	}
	for _, part := range []string{"kit", "functions", "template"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(shared.Root, part))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func save(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fnstore runs a command in dir and gives what it printed.
func fnstore(t testing.TB, dir, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := shared.Command(args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is fnstore for a command that has to say these words.
func must(t testing.TB, dir, stdin string, args []string, words ...string) string {
	t.Helper()
	out, err := fnstore(t, dir, stdin, args...)
	if err != nil {
		t.Fatalf("fnstore %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("fnstore %s does not say %q:\n%s", strings.Join(args, " "), w, out)
		}
	}
	return out
}

// From nothing to a function of one's own, with nothing but fnstore.
//
// Seed: R5, R28
func TestOwn_AFunctionOfOnesOwn(t *testing.T) {
	fits(t)
	dir := project(t)
	must(t, dir, "", []string{"new", "mine"}, "functions/mine is made")
	if out, err := fnstore(t, dir, "", "new", "mine"); err == nil || !strings.Contains(out, "already") {
		t.Errorf("new, again: %v %s", err, out)
	}
	if out, err := fnstore(t, dir, "", "new", "Not_A_Name"); err == nil {
		t.Errorf("new of a bad name: %s", out)
	}

	// The build runs gofmt, vet and the starter's own tests.
	must(t, dir, "", []string{"deploy", "mine"}, "mine serves at "+shared.URL+"/function/mine")
	t.Cleanup(func() { _, _ = fnstore(t, dir, "", "remove", "mine") }) // when the test did not come to it
	must(t, dir, `{"text":"first"}`, []string{"invoke", "mine"}, `{"text":"first"}`)
	must(t, dir, "", []string{"describe", "mine"}, "Status", "ready", "/fnstore/mine:dev", "exec_timeout=10s")
	must(t, dir, "", []string{"describe", "mine", "--json"}, `"availableReplicas": 1`)
	must(t, dir, "", []string{"deploy", "--filter", "mi*", "--skip-build"}, "mine serves")
	if out, err := fnstore(t, dir, "", "deploy", "--filter", "none*"); err == nil || !strings.Contains(out, "no functions matching") {
		t.Errorf("deploy of nothing: %v %s", err, out)
	}

	line := must(t, dir, "", []string{"logs", "mine", "--tail", "1"}, `"path":"/"`)
	if strings.Count(line, "\n") != 1 {
		t.Errorf("--tail 1 gives %q", line)
	}
	instance := strings.Fields(line)[1]
	must(t, dir, "", []string{"logs", "mine", "--instance", instance, "--since", "1h"}, instance)
	if out := must(t, dir, "", []string{"logs", "mine", "--instance", "nobody"}); out != "" {
		t.Errorf("the lines of nobody: %s", out)
	}

	if machine == nil {
		worksOn(t, dir)
		// The saves of dev are no versions: what was deployed and tested comes back.
		must(t, dir, "", []string{"rollback", "mine"}, "*  sha256:", "/fnstore/mine:dev")
		if list := must(t, dir, "", []string{"rollback", "mine", "--list"}); strings.Count(list, "\n") != 2 || strings.Contains(list, "@sha256:") {
			t.Errorf("the versions after a rollback: %s", list)
		}
	} else if out, err := fnstore(t, dir, "", "dev", "mine"); err == nil || !strings.Contains(out, "functions as containers") {
		t.Errorf("dev, with containers: %v %s", err, out)
	}

	if _, body := post(t, shared, "/function/mine", `{"text":"x"}`); body != "{\"text\":\"x\"}\n" {
		t.Errorf("after a rollback: %s", body)
	}
	if out, err := fnstore(t, dir, "", "rollback", "mine", "--to", "sha256:ffff"); err == nil || !strings.Contains(out, "no_version") {
		t.Errorf("rollback to nowhere: %v %s", err, out)
	}

	must(t, dir, "", []string{"remove", "mine"}, "mine is removed")
	if out, err := fnstore(t, dir, "", "describe", "mine"); err == nil || !strings.Contains(out, "function_not_found") {
		t.Errorf("describe what was removed: %v %s", err, out)
	}
	if out, err := fnstore(t, dir, "", "remove", "mine"); err == nil {
		t.Errorf("remove, again: %s", out)
	}
}

// worksOn edits the function while dev runs: a save is served, and one that
// does not compile is told at once while the version before goes on serving.
func worksOn(t *testing.T, dir string) {
	t.Helper()
	dev := shared.Command("dev", "mine")
	dev.Dir = dir
	said := start(t, dev)
	said("serves at")

	handler := filepath.Join(dir, "functions/mine/handler.go")
	b, err := os.ReadFile(handler)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	edited := strings.Replace(text, "answer{q.Text}", `answer{"edited: " + q.Text}`, 1)
	save(t, handler, edited)
	said("serves at")
	if status, body := post(t, shared, "/function/mine", `{"text":"x"}`); status != 200 || !strings.Contains(body, "edited: x") {
		t.Errorf("after a save: %d %s", status, body)
	}
	save(t, handler, edited+"\nbroken(\n")
	said("does not compile")
	said("handler.go:")
	if status, body := post(t, shared, "/function/mine", `{"text":"y"}`); status != 200 || !strings.Contains(body, "edited: y") {
		t.Errorf("while it does not compile: %d %s", status, body)
	}
	save(t, handler, strings.Replace(text, "answer{q.Text}", `answer{"mended: " + q.Text}`, 1))
	said("serves at")
	if status, body := post(t, shared, "/function/mine", `{"text":"z"}`); status != 200 || !strings.Contains(body, "mended: z") {
		t.Errorf("after it was mended: %d %s", status, body)
	}
	if err := dev.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	said("fnstore deploy mine")
	if err := dev.Wait(); err != nil {
		t.Errorf("dev ended with %v", err)
	}
}

// start runs a command; said returns when a further line has the word.
func start(t testing.TB, cmd *exec.Cmd) (said func(word string)) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended by itself when all went well
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return func(word string) {
		t.Helper()
		late := time.After(2 * time.Minute)
		for {
			select {
			case l, more := <-lines:
				if strings.Contains(l, word) {
					return
				}
				if !more {
					t.Fatalf("it ended and did not say %q", word)
				}
			case <-late:
				t.Fatalf("it does not say %q", word)
			}
		}
	}
}
