package process

import (
	"maps"
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

func TestScalingIsRead_R25(t *testing.T) {
	minute := time.Minute
	for _, c := range []struct {
		name        string
		annotations map[string]string
		labels      map[string]string
		want        scaling
		notes       int
	}{
		{name: "nothing said", want: usual},
		{name: "annotations", annotations: map[string]string{
			"fnstore.scale.min": "2", "fnstore.scale.max": "100", "fnstore.scale.target": "7", "fnstore.scale.zero": "false", "fnstore.scale.down-delay": "1m"},
			want: scaling{2, 100, 7, false, 5 * minute, minute}},
		{name: "labels", labels: map[string]string{
			"com.openfaas.scale.max": "3", "com.openfaas.scale.target": "50", "com.openfaas.scale.zero": "true", "com.openfaas.scale.zero-duration": "1m"},
			want: scaling{1, 3, 50, true, minute, 15 * minute}},
		{name: "the annotation wins", annotations: map[string]string{"fnstore.scale.target": "1"}, labels: map[string]string{"com.openfaas.scale.target": "2"},
			want: scaling{1, 20, 1, true, 5 * minute, 15 * minute}},
		{name: "more than the usual most", labels: map[string]string{"com.openfaas.scale.min": "30", "com.openfaas.scale.zero": "false"},
			want: scaling{30, 30, 100, false, 5 * minute, 15 * minute}},
		{name: "off and a duration", annotations: map[string]string{"fnstore.scale.zero": "false", "fnstore.scale.zero-duration": "1m"},
			want: scaling{1, 20, 100, false, minute, 15 * minute}, notes: 1},
		{name: "zero and off", annotations: map[string]string{"fnstore.scale.zero": "false", "fnstore.scale.min": "0"},
			want: scaling{1, 20, 100, false, 5 * minute, 15 * minute}, notes: 1},
		{name: "another measure", labels: map[string]string{"com.openfaas.scale.type": "cpu"}, want: usual, notes: 1},
	} {
		got, notes, err := scalingOf(scaled("f", c.annotations, c.labels))
		if err != nil || got != c.want || len(notes) != c.notes {
			t.Errorf("%s: %+v, notes %q, %v", c.name, got, notes, err)
		}
	}
}

func TestScalingThatCannotBeIsRefused_R25(t *testing.T) {
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
func TestAMinimumBesideScaleToZeroIsWarnedOf_B12(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, scaled("f", map[string]string{"fnstore.scale.zero": "true"}, map[string]string{"com.openfaas.scale.min": "1"}))
	r.get(t, "f", "/pid")
	log, err := os.ReadFile(filepath.Join(r.dir, "logs", "f.ndjson"))
	if err != nil || !strings.Contains(string(log), "scale.min is 1 and scale to zero is on") {
		t.Errorf("log %s, %v", log, err)
	}
	r.rescale(time.Now().Add(5 * time.Minute))
	if s, _ := r.Get(t.Context(), "f"); s.Replicas != 0 {
		t.Errorf("%d replicas", s.Replicas)
	}
}

func FuzzScaling(f *testing.F) {
	f.Add("1", "20", "100", "true", "5m", "15m")
	f.Add("0", "0", "-1", "T", "1e9h", "")
	f.Fuzz(func(t *testing.T, least, most, target, zero, idle, down string) {
		a := map[string]string{}
		maps.Copy(a, map[string]string{
			"fnstore.scale.min": least, "fnstore.scale.max": most, "fnstore.scale.target": target,
			"fnstore.scale.zero": zero, "fnstore.scale.zero-duration": idle, "fnstore.scale.down-delay": down})
		s, _, err := scalingOf(scaled("f", a, nil))
		if err == nil && (s.min < 1 || s.min > s.max || s.max > MaxReplicas || s.target < 1 || s.idle <= 0 || s.down <= 0) {
			t.Errorf("%v gives %+v", a, s)
		}
	})
}

func TestHowManyProcessesThereShallBe_R25(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	type look struct {
		after      time.Duration // since start
		used       time.Duration // last call's end, likewise
		open, peak int
		want       int
		again      time.Duration
	}
	const m = time.Minute
	for name, c := range map[string]struct {
		scaling
		replicas int
		looks    []look
	}{
		"sleeps when nobody called for a while": {usual, 1, []look{
			{after: 1 * m, used: 0, want: 1, again: 4 * m},
			{after: 5 * m, used: 1 * m, want: 1, again: 1 * m},
			{after: 6 * m, used: 1 * m, want: 0},
			{after: 7 * m, used: 1 * m, want: 0},
		}},
		"never while a call runs": {usual, 1, []look{
			{after: 100 * m, open: 1, want: 1, again: 5 * m},
		}},
		"never when told so": {scaling{1, 20, 100, false, 5 * m, 15 * m}, 1, []look{
			{after: 1000 * m, want: 1, again: 0},
		}},
		"more at once, bounded": {scaling{1, 4, 10, true, 5 * m, 15 * m}, 1, []look{
			{after: 0, open: 10, want: 1, again: 5 * m},
			{after: 0, open: 11, want: 2, again: 5 * m},
			{after: 0, open: 5, peak: 35, want: 4, again: 5 * m},
			{after: 0, open: 500, want: 4, again: 5 * m},
		}},
		"fewer after a delay, as many as the busiest moment asked for": {scaling{1, 10, 10, false, 5 * m, 16 * m}, 5, []look{
			{after: 0, open: 1, want: 5, again: 4 * m},
			{after: 4 * m, open: 1, peak: 25, want: 5, again: 4 * m},
			{after: 8 * m, open: 1, want: 5, again: 4 * m},
			{after: 12 * m, open: 1, want: 5, again: 4 * m},
			{after: 16 * m, open: 1, want: 3, again: 0},
			{after: 20 * m, open: 1, want: 3, again: 4 * m},
			{after: 36 * m, open: 1, want: 1, again: 0},
		}},
		"a burst starts the delay anew": {scaling{1, 10, 10, false, 5 * m, 16 * m}, 2, []look{
			{after: 0, open: 1, want: 2, again: 4 * m},
			{after: 15 * m, open: 1, peak: 20, want: 2, again: 0},
			{after: 17 * m, open: 1, want: 2, again: 4 * m},
			{after: 32 * m, open: 1, want: 2, again: 1 * m},
			{after: 33 * m, open: 1, want: 1, again: 0},
		}},
		"not below the minimum": {scaling{3, 10, 10, false, 5 * m, 15 * m}, 1, []look{
			{after: 0, want: 3},
		}},
	} {
		s := scaler{scaling: c.scaling}
		replicas := c.replicas
		for i, l := range c.looks {
			n, again := s.decide(replicas, demand{now: start.Add(l.after), used: start.Add(l.used), open: l.open, peak: l.peak})
			if n != l.want || again != l.again {
				t.Errorf("%s, look %d: %d of %d, again in %s; want %d, %s", name, i, n, replicas, again, l.want, l.again)
			}
			replicas = n
		}
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

func TestAFunctionThatNobodyCallsSleepsAndACallWakesIt_R25(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, deployment("f", nil))
	pid := r.pid(t, "f")
	_, release, err := r.Acquire(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	r.rescale(time.Now().Add(24 * time.Hour))
	if r.pid(t, "f") != pid {
		t.Error("it slept while a call was open")
	}
	release()
	r.rescale(time.Now().Add(4 * time.Minute))
	if r.pid(t, "f") != pid {
		t.Error("it slept too soon")
	}
	r.rescale(time.Now().Add(5*time.Minute + time.Second))
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
func TestItSleepsByItself_R25(t *testing.T) {
	r := open(t, shortDir(t))
	r.deploy(t, scaled("f", map[string]string{"fnstore.scale.zero-duration": "20ms"}, nil))
	for range 5 {
		r.get(t, "f", "/pid")
		r.until(t, "f", "asleep", func(s types.FunctionStatus) bool { return s.Replicas == 0 && s.AvailableReplicas == 0 })
	}
}

func TestProcessesFollowTheCallsInFlight_R25(t *testing.T) {
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
	r.rescale(now) // forgets the peak, and sees that fewer would do
	r.rescale(now.Add(time.Second))
	r.rescale(now.Add(4 * time.Minute))
	ready(3)
	_, release, err := r.Acquire(t.Context(), "f") // or it would sleep
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	r.rescale(now.Add(17 * time.Minute))
	ready(1)
}
