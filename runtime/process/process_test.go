package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/runtime/process/launch"
)

func TestEnvironment_OnlyWhatTheFunctionIsGiven(t *testing.T) {
	t.Setenv("LEAK", "of the parent")
	r := open(t, shortDir(t))
	if err := r.secrets.Create("api-key", []byte("s3cret")); err != nil {
		t.Fatal(err)
	}
	if err := r.secrets.Create("other", []byte("not yours")); err != nil {
		t.Fatal(err)
	}
	d := deployment("f", map[string]string{"MINE": "yes", "secret_mount_path": "/etc"})
	d.Secrets = []string{"api-key"}
	r.deploy(t, d)
	env := r.get(t, "f", "/env")
	for _, want := range []string{"MINE=yes", "OPENFAAS_NAME=f", "OPENFAAS_NAMESPACE=openfaas-fn", "LISTEN_FDS=2", "secret_mount_path=" + r.dir} {
		if !strings.Contains(env, want) {
			t.Errorf("no %s in %s", want, env)
		}
	}
	if strings.Contains(env, "LEAK") || strings.Contains(env, "s3cret") {
		t.Errorf("too much in %s", env)
	}
	if got := r.get(t, "f", "/secret?name=api-key"); got != "s3cret<nil>" {
		t.Errorf("its secret: %q", got)
	}
	if got := r.get(t, "f", "/read?path=/var/openfaas/secrets/api-key"); r.isolation.mounts && got != "<nil>" {
		t.Errorf("its secret where OpenFaaS has it: %s", got)
	}
	if got := r.get(t, "f", "/secret?name=other"); strings.Contains(got, "not yours") {
		t.Errorf("another's secret: %q", got)
	}
	if got := r.get(t, "f", "/secret?name=../../../secrets/other"); os.Geteuid() == 0 && strings.Contains(got, "not yours") {
		t.Errorf("it reads the store's secrets: %q", got)
	}
	if err := r.secrets.Update("api-key", []byte("rotated")); err != nil {
		t.Fatal(err)
	}
	if got := r.get(t, "f", "/secret?name=api-key"); got != "rotated<nil>" {
		t.Errorf("after rotation: %q", got)
	}
	if entries, err := os.ReadDir(launch.MountAt); err == nil && len(entries) > 0 && r.isolation.mounts {
		t.Errorf("outside one sees %v at %s", entries, launch.MountAt)
	}
}

func TestBackend_OneUserPerFunction(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("as a plain user every function runs as that user")
	}
	r := open(t, shortDir(t))
	r.deploy(t, deployment("a", nil))
	r.deploy(t, deployment("b", nil))
	a, b := r.get(t, "a", "/uid"), r.get(t, "b", "/uid")
	if os.Geteuid() == 0 && (a == b || a == "0" || b == "0") {
		t.Errorf("users %s and %s", a, b)
	}
	if os.Geteuid() != 0 && a != strconv.Itoa(os.Geteuid()) {
		t.Errorf("user %s", a)
	}
}

// The function dies, and the next call is answered.
func TestInstance_KilledAnswersTheNextCall(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("f", nil))
	r.deploy(t, deployment("other", nil))
	bystander := r.pid(t, "other")
	for range 3 {
		pid := r.pid(t, "f")
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		gone(t, pid)
		if next := r.pid(t, "f"); next == pid {
			t.Errorf("process %d answers after its death", pid)
		}
	}
	if r.pid(t, "other") != bystander {
		t.Error("another function was touched")
	}
}

func TestInstance_StopEndsItsChildren(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("f", map[string]string{"FN_MODE": "child"}))
	pid := r.pid(t, "f")
	group := func() (n int) {
		procs, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range procs {
			b, err := os.ReadFile(p)
			if err != nil {
				continue
			}
			_, rest, _ := strings.Cut(string(b), ") ")
			if f := strings.Fields(rest); len(f) > 2 && f[2] == strconv.Itoa(pid) && f[0] != "Z" {
				n++
			}
		}
		return n
	}
	if n := group(); n < 2 {
		t.Fatalf("%d processes in the group", n)
	}
	if err := r.Delete(t.Context(), "f"); err != nil {
		t.Fatal(err)
	}
	if n := group(); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "run", "f")); !os.IsNotExist(err) {
		t.Errorf("its folder is left: %v", err)
	}
	if _, _, err := r.Acquire(t.Context(), "f"); fault.Of(err).Kind != fault.NotFound {
		t.Errorf("after delete: %v", err)
	}
}

func TestInstance_CrashLoopIsSlowedAndLogged(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("f", map[string]string{"FN_MODE": "crash"}))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := r.call(ctx, "f", "/", nil); fault.Of(err).Code != "function_not_ready" {
		t.Errorf("a call of it: %v", err)
	}
	if s, _ := r.Get(t.Context(), "f"); s.AvailableReplicas != 0 {
		t.Errorf("status %+v", s)
	}
	for range 3 {
		r.logged(t, "f", "exit status 3")
		log, err := os.ReadFile(filepath.Join(r.dir, "logs", "f.ndjson"))
		if words := bytes.Index(log, []byte("no luck today")); words < 0 || words > bytes.Index(log, []byte("exit status 3")) {
			t.Fatalf("its output does not come before its end: %s, %v", log, err)
		}
		if err := os.Truncate(filepath.Join(r.dir, "logs", "f.ndjson"), 0); err != nil { // for the next one
			t.Fatal(err)
		}
	}
	// A version that works takes over.
	r.deploy(t, deployment("f", nil))
	r.pid(t, "f")
}

// A call that has begun ends on the version it began on, and no call is refused
// meanwhile.
func TestUpdate_LosesNoCall(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("f", map[string]string{"VERSION": "1", "exec_timeout": "30s"}))
	old := r.pid(t, "f")

	body, input := io.Pipe()
	answer := make(chan string, 1)
	transport, release, err := r.Acquire(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://function/stream", body)
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b, err := io.ReadAll(res.Body)
		release()
		answer <- fmt.Sprint(string(b), err)
	}()

	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if v, err := r.call(t.Context(), "f", "/version", nil); err != nil || v != "1" && v != "2" {
					t.Errorf("a call met %q, %v", v, err)
					return
				}
			}
		})
	}
	r.deploy(t, deployment("f", map[string]string{"VERSION": "2", "exec_timeout": "30s"}))
	for r.get(t, "f", "/version") != "2" {
	}
	close(stop)
	load.Wait()
	if _, err := input.Write([]byte("to the end")); err != nil {
		t.Fatal(err)
	}
	_ = input.Close()
	if got := <-answer; got != "begun to the end<nil>" {
		t.Errorf("the open call: %q", got)
	}
	gone(t, old)
}

// What was deployed runs again after a restart; the same deployment again
// changes nothing.
func TestDeployments_SurviveARestart(t *testing.T) {
	dir := shortDir(t)
	first := open(t, dir)
	d := deployment("f", map[string]string{"VERSION": "1"})
	d.Labels = &map[string]string{"a": "b"}
	first.deploy(t, d)
	pid := first.pid(t, "f")
	first.deploy(t, d)
	if first.pid(t, "f") != pid {
		t.Error("the same deployment again started it anew")
	}
	if err := first.Scale(t.Context(), "f", 2); err != nil {
		t.Fatal(err)
	}
	first.Close()
	gone(t, pid)

	second := open(t, dir)
	if v := second.get(t, "f", "/version"); v != "1" {
		t.Errorf("version %q", v)
	}
	s, err := second.Get(t.Context(), "f")
	if err != nil || s.Replicas != 2 || (*s.Labels)["a"] != "b" || s.Image != d.Image {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestScaling_CallStartsFunctionAtZero(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("f", nil))
	pid := r.pid(t, "f")
	if err := r.Scale(t.Context(), "f", 0); err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
	r.pid(t, "f")
}

func TestDeployments_InvalidOnesAreRefused(t *testing.T) {
	r := open(t, shortDir(t))
	for name, d := range map[string]types.FunctionDeployment{
		"no name":        {Image: "x"},
		"no image":       {Service: "f"},
		"upper case":     {Service: "F", Image: "x"},
		"a path":         {Service: "../f", Image: "x"},
		"namespace":      {Service: "f", Image: "x", Namespace: "other"},
		"missing secret": {Service: "f", Image: "x", Secrets: []string{"nope"}},
		"climbing":       {Service: "f", Image: "x", Secrets: []string{"../f"}},
		"bad variable":   {Service: "f", Image: "x", EnvVars: map[string]string{"A=B": "c"}},
		"missing image":  {Service: "f", Image: "missing"},
	} {
		if err := r.Deploy(t.Context(), d); fault.Of(err).Kind != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := r.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("deployed %+v, %v", list, err)
	}
}
