package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/tests/storetest"
)

func TestStore_AStoreWhoseFunctionsAreContainers(t *testing.T) {
	s := shop{storetest.Start(t, "FNSTORE_BACKEND=docker", "DOCKER_HOST="+machine.Host), t}
	if got := s.call("hello?name=Ann"); !strings.Contains(got, "Hello, Ann!") {
		t.Fatal(got)
	}
	for _, step := range []struct {
		name string
		do   func(shop)
	}{
		{"limits", limits},
		{"its services are reached", services},
		{"functions call one another", chained},
		{"what limits decided is counted", counted},
		{"it sleeps and wakes", sleeps},
		{"a killed container is replaced", killed},
		{"an update loses no call", updated},
		{"an image of many files, and hostile", hostile},
		{"what cannot be reached is refused", refused},
		{"a killed store leaves no strays", strays},
		{"an engine that comes back", restarted},
	} {
		t.Run(step.name, func(t *testing.T) { step.do(s.with(t)) })
	}
	if err := s.Down(); err != nil {
		t.Fatal(err)
	}
	if left := must(t, "ps", "-aq"); left != "" {
		t.Errorf("containers are left: %s", left)
	}
	if left := must(t, "network", "ls", "-q", "--filter", "label=fnstore.store"); left != "" {
		t.Errorf("a network is left: %s", left)
	}
}

// limits are those of the stack file, as the engine was told.
func limits(s shop) {
	var said []struct {
		Config     struct{ User string }
		HostConfig struct {
			ReadonlyRootfs           bool
			Memory, NanoCpus         int64
			PidsLimit                int64
			CapDrop, SecurityOpt     []string
			Privileged               bool
			NetworkMode              string
			PublishAllPorts          bool
			PortBindings             map[string]any
			RestartPolicy, LogConfig map[string]any
		}
	}
	id := s.containers("hello", "running")
	if len(id) != 1 {
		s.t.Fatalf("containers %v", id)
	}
	if err := json.Unmarshal([]byte(must(s.t, "inspect", id[0])), &said); err != nil {
		s.t.Fatal(err)
	}
	h := said[0].HostConfig
	if !h.ReadonlyRootfs || h.Memory != 64<<20 || h.NanoCpus != 500e6 || h.PidsLimit <= 0 || h.Privileged || said[0].Config.User != "65532:65532" ||
		fmt.Sprint(h.CapDrop, h.SecurityOpt) != "[ALL] [no-new-privileges]" || !strings.HasPrefix(h.NetworkMode, "fnstore-") || len(h.PortBindings) > 0 {
		s.t.Errorf("%+v", said[0])
	}
}

// services are reached from a container: a photo becomes three thumbnails.
func services(s shop) {
	photo := filepath.Join(s.t.TempDir(), "photo.jpg")
	f, err := os.Create(photo)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := jpeg.Encode(f, image.NewGray(image.Rect(0, 0, 800, 600)), nil); err != nil {
		s.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		s.t.Fatal(err)
	}
	if out, err := s.Command("s3", "put", photo, "uploads/photo.jpg").CombinedOutput(); err != nil {
		s.t.Fatalf("%v %s", err, out)
	}
	s.until("three thumbnails", func() bool {
		out, _ := s.Command("s3", "ls", "thumbnails").Output()
		return bytes.Count(out, []byte("photo.jpg")) == 3
	})
}

// chained has a function call others through the gateway, of which a container
// knows another address.
func chained(s shop) {
	cmd := s.Command("invoke", "chain")
	cmd.Stdin = strings.NewReader(`{"id":"m-1","values":[21.5,22,20]}`)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), `"count":3`) {
		s.t.Errorf("%v %s", err, out)
	}
}

// counted finds what a container counted of its limits in the store's metrics.
func counted(s shop) {
	secret, err := os.ReadFile(filepath.Join(s.State, "secrets", "auth-admin"))
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.Post(s.URL+"/function/auth/token", "application/json", strings.NewReader(fmt.Sprintf(`{"email":"admin@localhost","password":%q}`, secret)))
	if err != nil {
		s.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		s.t.Fatal(res.Status)
	}
	if res, err = http.Get(s.Env["FNSTORE_METRICS_URL"]); err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	for _, want := range []string{`fnstore_limit_decisions_total{decision="allowed",function="auth",policy="login"`, `fnstore_limit_degraded{function="auth",policy="login"`} {
		if err != nil || !strings.Contains(string(text), want) {
			s.t.Errorf("the metrics have no %s (%v)", want, err)
		}
	}
}

// asleep takes a function to zero and waits until only the container is there
// that was made for whoever wakes it.
func (s shop) asleep(function string) {
	s.t.Helper()
	if code, text := s.system(http.MethodPost, "/system/scale-function/"+function, map[string]any{"serviceName": function, "replicas": 0}); code/100 != 2 {
		s.t.Fatal(code, text)
	}
	s.until(function+" sleeps", func() bool {
		return len(s.containers(function, "running")) == 0 && len(s.containers(function, "created")) == 1
	})
}

func sleeps(s shop) {
	for range 3 {
		s.asleep("hello")
		ready := s.containers("hello", "created")[0]
		if got := s.call("hello?name=Bea"); !strings.Contains(got, "Hello, Bea!") {
			s.t.Fatal(got)
		}
		if now := s.containers("hello", "running"); len(now) != 1 || now[0] != ready {
			s.t.Errorf("%v woke, and %s was made for it", now, ready)
		}
	}
	s.asleep("hello")
	must(s.t, "rm", "-f", s.containers("hello", "created")[0]) // as docker system prune would
	if got := s.call("hello?name=Bea"); !strings.Contains(got, "Hello, Bea!") {
		s.t.Errorf("after somebody cleared up: %s", got)
	}
}

func killed(s shop) {
	for range 3 {
		id := s.containers("hello", "running")
		if len(id) != 1 {
			s.t.Fatalf("containers %v", id)
		}
		pid, err := strconv.Atoi(must(s.t, "inspect", "--format", "{{.State.Pid}}", id[0]))
		if err != nil {
			s.t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			s.t.Fatal(err)
		}
		// What it had accepted dies with it; what comes after that must not.
		s.until("the process is gone", func() bool {
			_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
			return os.IsNotExist(err)
		})
		if got := s.call("hello?name=Cleo"); !strings.Contains(got, "Hello, Cleo!") {
			s.t.Error(got)
		}
		s.until("another container is there", func() bool {
			now := s.containers("hello", "running")
			return len(now) == 1 && now[0] != id[0]
		})
	}
	s.log("hello", "it ended: signal: killed")
}

// updated changes hello five times while it is called 200 times a second.
func updated(s shop) {
	var status types.FunctionStatus
	_, text := s.system(http.MethodGet, "/system/function/hello", nil)
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		s.t.Fatal(err)
	}
	var calls, failed atomic.Int64
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
			all.Go(func() {
				calls.Add(1)
				res, err := http.Get(s.URL + "/function/hello?name=Dee")
				if err != nil {
					failed.Add(1)
					return
				}
				defer res.Body.Close()
				if b, _ := io.ReadAll(res.Body); res.StatusCode != 200 {
					failed.Add(1)
					s.t.Logf("%d %s", res.StatusCode, b)
				}
			})
		}
	})
	env := map[string]string{}
	for k, v := range status.EnvVars {
		env[k] = v
	}
	for n := range 5 {
		before := s.containers("hello", "running")
		env["VERSION"] = strconv.Itoa(n)
		s.deploy(types.FunctionDeployment{Service: "hello", Image: status.Image, EnvVars: env, Limits: status.Limits, Annotations: status.Annotations, Labels: status.Labels})
		s.until("the new version alone serves", func() bool {
			now := s.containers("hello", "running")
			return len(now) == 1 && now[0] != before[0]
		})
	}
	close(stop)
	all.Wait()
	s.t.Logf("%d calls during five updates, %d failed", calls.Load(), failed.Load())
	if failed.Load() > 0 || calls.Load() == 0 {
		s.t.Errorf("%d of %d calls failed", failed.Load(), calls.Load())
	}
}

// hostile asks a function of an image of many files for what it must not have.
func hostile(s shop) {
	ref := s.Env["FNSTORE_REGISTRY"] + "/test/hostile:1"
	manyFiles(s.t, ref)
	if code, text := s.system(http.MethodPost, "/system/secrets", map[string]string{"name": "word", "value": "open sesame"}); code/100 != 2 {
		s.t.Fatal(code, text)
	}
	s.deploy(types.FunctionDeployment{
		Service: "hostile", Image: ref, Secrets: []string{"word"}, EnvVars: map[string]string{"FN_MODE": "deaf", "VERSION": "1", "exec_timeout": "1s"},
		Limits: &types.FunctionResources{Memory: "128Mi", CPU: "1"},
	})
	neighbour := must(s.t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", s.containers("hello", "running")[0]) + ":8080"
	for _, c := range []struct{ path, want string }{
		{"/version", "1"},
		{"/secret?name=word", "open sesame<nil>"},
		{"/write?path=/x", "read-only file system"},
		{"/write?path=/var/openfaas/secrets/word", "read-only file system"},
		{"/write?path=/tmp/x", "<nil>"},
		{"/run?path=/tmp/x", "permission denied"},
		{"/status", "NoNewPrivs:\t1"},
		{"/dial?address=" + neighbour, "i/o timeout"},
	} {
		if got := s.call("hostile" + c.path); !strings.Contains(got, c.want) || strings.HasPrefix(got, "5") {
			s.t.Errorf("%s: %.300s", c.path, got)
		}
	}
	if got := s.call("hostile/status"); !strings.Contains(got, "CapEff:\t0000000000000000") || !strings.Contains(got, "CapBnd:\t0000000000000000") {
		s.t.Errorf("capabilities: %s", got)
	}
	if got := s.call("hostile/shout"); !strings.HasPrefix(got, "200") {
		s.t.Errorf("shouting: %.300s", got)
	}
	s.log("hostile", "enough said")
	// Last of those that leave the container alive: what it forked takes its memory.
	if got := s.call("hostile/fork"); !strings.Contains(got, "resource temporarily unavailable") || strings.HasPrefix(got, "5") {
		s.t.Errorf("forking: %.300s", got)
	}
	if got := s.call("hostile/grow"); strings.HasPrefix(got, "200") {
		s.t.Errorf("it took 512 MiB of 128 and said %s", got)
	}
	s.log("hostile", "it used more than its limit of memory")
	// The log may say so of what /fork had taken; then a call can still reach the
	// container that is just being killed.
	s.until("it serves again", func() bool { return s.call("hostile/version") == "200 1" })
	if code, text := s.system(http.MethodDelete, "/system/functions", map[string]string{"functionName": "hostile"}); code/100 != 2 {
		s.t.Fatal(code, text)
	}
	s.until("nothing of it is left", func() bool {
		return must(s.t, "ps", "-aq", "--filter", "label=fnstore.function=hostile") == ""
	})
	if got := s.call("hello?name=Eve"); !strings.Contains(got, "Hello, Eve!") {
		s.t.Error(got)
	}
}

func refused(s shop) {
	if code, text := s.system(http.MethodPost, "/system/secrets", map[string]string{"name": "far", "value": "postgres://a:b@127.0.0.1:1/db"}); code/100 != 2 {
		s.t.Fatal(code, text)
	}
	for name, d := range map[string]types.FunctionDeployment{
		"service_unreachable": {Service: "f", Image: s.Env["FNSTORE_REGISTRY"] + "/test/hostile:1", Secrets: []string{"far"}},
		"image_missing":       {Service: "f", Image: s.Env["FNSTORE_REGISTRY"] + "/test/nothing:1"},
	} {
		if code, text := s.system(http.MethodPost, "/system/functions", d); code/100 != 4 || !strings.Contains(text, name) {
			s.t.Errorf("%s: %d %s", name, code, text)
		}
	}
}

func strays(s shop) {
	before := strings.Fields(must(s.t, "ps", "-aq", "--no-trunc"))
	if err := s.Kill(); err != nil {
		s.t.Fatal(err)
	}
	if n := len(strings.Fields(must(s.t, "ps", "-q"))); n == 0 {
		s.t.Fatal("the containers ended with the store, so there is nothing to see here")
	}
	if err := s.Up(); err != nil {
		s.t.Fatal(err)
	}
	if got := s.call("hello?name=Flo"); !strings.Contains(got, "Hello, Flo!") {
		s.t.Error(got)
	}
	for _, id := range strings.Fields(must(s.t, "ps", "-aq", "--no-trunc")) {
		for _, old := range before {
			if id == old {
				s.t.Errorf("%s is still there", id)
			}
		}
	}
}

// restarted ends the engine with every container in it, and starts it again.
func restarted(s shop) {
	machine.Stop()
	if err := machine.Again(); err != nil {
		s.t.Fatal(err)
	}
	s.until("hello answers", func() bool { return strings.Contains(s.call("hello?name=Gus"), "Hello, Gus!") })
	s.until("one container is left", func() bool {
		return len(strings.Fields(must(s.t, "ps", "-aq", "--filter", "label=fnstore.function=hello"))) == 1
	})
}
