package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/tests/storetest"
)

// status is a function as the operator's API tells of it.
func status(t *testing.T, s *storetest.Store, name string) (f types.FunctionStatus) {
	t.Helper()
	if code := system(t.Context(), t, s, "GET", "/system/function/"+name, "", &f); code != http.StatusOK {
		t.Fatalf("%s: %d", name, code)
	}
	return f
}

// greeter deploys hello under another name, with these annotations, and removes
// it with the test.
func greeter(t *testing.T, name string, annotations map[string]string) {
	t.Helper()
	d, err := json.Marshal(types.FunctionDeployment{Service: name, Image: status(t, shared, "hello").Image, Annotations: &annotations})
	if err != nil {
		t.Fatal(err)
	}
	if code := system(t.Context(), t, shared, "POST", "/system/functions", string(d), nil); code >= 300 {
		t.Fatalf("deploy %s: %d", name, code)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if code := system(ctx, t, shared, "DELETE", "/system/functions", `{"functionName":"`+name+`"}`, nil); code >= 300 {
			t.Errorf("remove %s: %d", name, code)
		}
	})
}

// sleeping waits until nothing of the function runs.
func sleeping(t *testing.T, name string) {
	t.Helper()
	for late := time.Now().Add(2 * time.Minute); status(t, shared, name).Replicas > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%s does not go to sleep\n%s", name, shared.Logs())
		}
	}
}

// Traffic comes from nothing to many callers at once: all are answered by as
// many processes as that needs and no more than allowed, and afterwards nothing
// runs. A second burst finds it as the first did.
//
// Seed: R1, R25
func TestScale_ABurstIsServedAndThenNothingRuns(t *testing.T) {
	fits(t)
	greeter(t, "burst", map[string]string{
		"fnstore.scale.zero-duration": "1s", "fnstore.scale.down-delay": "1s", "fnstore.scale.target": "10", "fnstore.scale.max": "3"})
	for range 2 {
		sleeping(t, "burst")
		var wrong atomic.Int64
		var callers sync.WaitGroup
		for range 60 {
			callers.Go(func() {
				for range 10 {
					res, err := http.Post(shared.URL+"/function/burst", "application/json", strings.NewReader(`{"name":"burst"}`))
					if err != nil {
						wrong.Add(1)
						continue
					}
					body, err := io.ReadAll(res.Body)
					res.Body.Close()
					if err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("Hello, burst!")) {
						wrong.Add(1)
					}
				}
			})
		}
		callers.Wait()
		if n := wrong.Load(); n > 0 {
			t.Errorf("%d of 600 calls were not answered\n%s", n, shared.Logs())
		}
		if n := status(t, shared, "burst").Replicas; n > 3 {
			t.Errorf("%d replicas", n)
		}
	}
	sleeping(t, "burst")
}

// A function that is to be kept warm runs on, in the same process, while one
// that is not has gone to sleep: its callers never wait for a start. What that
// gains is measured by tests/bench/wake.
//
// Seed: R21
func TestScale_AFunctionIsKeptWarm(t *testing.T) {
	fits(t)
	greeter(t, "warm", map[string]string{"fnstore.scale.zero": "false", "fnstore.scale.min": "1", "fnstore.scale.down-delay": "1s"})
	greeter(t, "cold", map[string]string{"fnstore.scale.zero-duration": "1s", "fnstore.scale.down-delay": "1s"})
	for _, name := range []string{"warm", "cold"} {
		if code, body := post(t, shared, "/function/"+name, ""); code != http.StatusOK {
			t.Fatalf("%s: %d %s", name, code, body)
		}
	}
	before := status(t, shared, "warm")
	sleeping(t, "cold")
	if now := status(t, shared, "warm"); now.AvailableReplicas != 1 || before.AvailableReplicas != 1 {
		t.Errorf("%v replicas, then %v", before.AvailableReplicas, now.AvailableReplicas)
	}
	if code, _ := post(t, shared, "/function/warm", ""); code != http.StatusOK {
		t.Errorf("%d", code)
	}
	if code, _ := post(t, shared, "/function/cold", ""); code != http.StatusOK {
		t.Errorf("woken: %d", code)
	}
}

// Nothing here asks for a container engine: functions are processes of this
// machine, children of the store.
//
// Seed: R89
func TestScale_NoContainerIsInvolved(t *testing.T) {
	fits(t)
	if code, _ := post(t, shared, "/function/hello", ""); code != http.StatusOK {
		t.Fatalf("hello: %d", code)
	}
	var info struct {
		Provider types.ProviderInfo `json:"provider"`
	}
	if code := system(t.Context(), t, shared, "GET", "/system/info", "", &info); code != http.StatusOK || info.Provider.Orchestration != "process" {
		t.Errorf("%d, orchestration %q", code, info.Provider.Orchestration)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", shared.PID(), shared.PID()))
	if err != nil {
		t.Logf("NOT CHECKED: this kernel does not list children: %v", err)
	}
	for pid := range strings.FieldsSeq(string(children)) {
		if root, err := os.Readlink("/proc/" + pid + "/ns/pid"); err == nil {
			if own, err := os.Readlink("/proc/self/ns/pid"); err != nil || root != own {
				t.Errorf("process %s lives in a namespace of its own: %s, not %s", pid, root, own)
			}
		}
	}
}
