package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
)

func scaled(name string, annotations, labels map[string]string) types.FunctionDeployment {
	d := deployment(name, nil)
	d.Annotations, d.Labels = &annotations, &labels
	return d
}

// Seed: R25
func TestScaling_InvalidSettingsAreRefused(t *testing.T) {
	r := open(t, shortDir(t))
	for _, c := range [][2]string{
		{"min", "-1"}, {"min", "101"}, {"max", "0"}, {"max", "many"}, {"target", "0"}, {"target", "1.5"},
		{"zero", "maybe"}, {"zero-duration", "5"}, {"zero-duration", "-1m"}, {"down-delay", "soon"},
	} {
		err := r.Deploy(t.Context(), scaled("f", map[string]string{"fnstore.scale." + c[0]: c[1]}, nil))
		if fault.Of(err).Kind != fault.Invalid || !strings.Contains(err.Error(), "fnstore.scale."+c[0]) {
			t.Errorf("%s=%q: %v", c[0], c[1], err)
		}
	}
	err := r.Deploy(t.Context(), scaled("f", map[string]string{"fnstore.scale.min": "3", "fnstore.scale.max": "2"}, nil))
	if fault.Of(err).Kind != fault.Invalid {
		t.Errorf("min above max: %v", err)
	}
}

// A least number of processes and scale to zero cannot both be had: whoever
// deploys reads in the function's log which of them counts.
//
// Seed: B12
func TestScaling_MinimumWithScaleToZeroIsWarnedOf(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, scaled("f", map[string]string{"fnstore.scale.zero": "true"}, map[string]string{"com.openfaas.scale.min": "1"}))
	r.get(t, "f", "/pid")
	log, err := os.ReadFile(filepath.Join(r.dir, "logs", "f.ndjson"))
	if err != nil || !strings.Contains(string(log), "scale.min is 1 and scale to zero is on") {
		t.Errorf("log %s, %v", log, err)
	}
	r.Rescale(time.Now().Add(5 * time.Minute))
	if s, _ := r.Get(t.Context(), "f"); s.Replicas != 0 {
		t.Errorf("%d replicas", s.Replicas)
	}
}

// until waits for what the test expects of a function's status.
func (r *rig) until(t *testing.T, name, what string, ok func(types.FunctionStatus) bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		s, err := r.Get(t.Context(), name)
		if err == nil && ok(s) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not %s: %d of %d ready, %v", name, what, s.AvailableReplicas, s.Replicas, err)
		}
	}
}

// Seed: R25
func TestScaling_IdleFunctionGoesToZeroAndBack(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("f", nil))
	pid := r.pid(t, "f")
	_, release, err := r.Acquire(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	r.Rescale(time.Now().Add(24 * time.Hour))
	if r.pid(t, "f") != pid {
		t.Error("it slept while a call was open")
	}
	release()
	r.Rescale(time.Now().Add(4 * time.Minute))
	if r.pid(t, "f") != pid {
		t.Error("it slept too soon")
	}
	r.Rescale(time.Now().Add(5*time.Minute + time.Second))
	if s, _ := r.Get(t.Context(), "f"); s.Replicas != 0 {
		t.Errorf("%d replicas", s.Replicas)
	}
	gone(t, pid)
	if next := r.pid(t, "f"); next == pid {
		t.Error("the process that sleeps answered")
	}
	r.until(t, "f", "awake", func(s types.FunctionStatus) bool { return s.Replicas == 1 && s.AvailableReplicas == 1 })
}

// Here the clock is the real one, and nobody tells the function to look.
//
// Seed: R25
func TestScaling_ToZeroByItself(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, scaled("f", map[string]string{"fnstore.scale.zero-duration": "20ms"}, nil))
	for range 5 {
		r.get(t, "f", "/pid")
		r.until(t, "f", "asleep", func(s types.FunctionStatus) bool { return s.Replicas == 0 && s.AvailableReplicas == 0 })
	}
}

// Seed: R25
func TestScaling_FollowsCallsInFlight(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, scaled("f", map[string]string{"fnstore.scale.target": "2"}, map[string]string{"com.openfaas.scale.max": "3"}))
	var releases []func()
	take := func(n int) {
		for range n {
			_, release, err := r.Acquire(t.Context(), "f")
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
		}
	}
	ready := func(n uint64) {
		t.Helper()
		r.until(t, "f", "of that many processes", func(s types.FunctionStatus) bool { return s.Replicas == n && s.AvailableReplicas == n })
	}
	take(2)
	ready(1)
	take(1)
	ready(2)
	take(10)
	ready(3)
	for _, release := range releases {
		release()
	}
	now := time.Now()
	r.Rescale(now) // forgets the peak, and sees that fewer would do
	r.Rescale(now.Add(time.Second))
	r.Rescale(now.Add(4 * time.Minute))
	ready(3)
	_, release, err := r.Acquire(t.Context(), "f") // or it would sleep
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	r.Rescale(now.Add(17 * time.Minute))
	ready(1)
}
