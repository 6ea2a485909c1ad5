package provider

import (
	"maps"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"
)

func scaled(annotations, labels map[string]string) types.FunctionDeployment {
	return types.FunctionDeployment{Service: "f", Annotations: &annotations, Labels: &labels}
}

// Seed: R25
func TestScaling_IsRead(t *testing.T) {
	minute := time.Minute
	for _, c := range []struct {
		name        string
		annotations map[string]string
		labels      map[string]string
		want        scaling
		notes       int
	}{
		{name: "nothing said", want: defaultScaling},
		{name: "annotations", annotations: map[string]string{
			"fnstore.scale.min": "2", "fnstore.scale.max": "100", "fnstore.scale.target": "7", "fnstore.scale.zero": "false", "fnstore.scale.down-delay": "1m"},
			want: scaling{2, 100, 7, false, 5 * minute, minute}},
		{name: "labels", labels: map[string]string{
			"com.openfaas.scale.max": "3", "com.openfaas.scale.target": "50", "com.openfaas.scale.zero": "true", "com.openfaas.scale.zero-duration": "1m"},
			want: scaling{1, 3, 50, true, minute, 15 * minute}},
		{name: "the annotation wins", annotations: map[string]string{"fnstore.scale.target": "1"}, labels: map[string]string{"com.openfaas.scale.target": "2"},
			want: scaling{1, 20, 1, true, 5 * minute, 15 * minute}},
		{name: "more than the default maximum", labels: map[string]string{"com.openfaas.scale.min": "30", "com.openfaas.scale.zero": "false"},
			want: scaling{30, 30, 100, false, 5 * minute, 15 * minute}},
		{name: "off and a duration", annotations: map[string]string{"fnstore.scale.zero": "false", "fnstore.scale.zero-duration": "1m"},
			want: scaling{1, 20, 100, false, minute, 15 * minute}, notes: 1},
		{name: "zero and off", annotations: map[string]string{"fnstore.scale.zero": "false", "fnstore.scale.min": "0"},
			want: scaling{1, 20, 100, false, 5 * minute, 15 * minute}, notes: 1},
		{name: "another measure", labels: map[string]string{"com.openfaas.scale.type": "cpu"}, want: defaultScaling, notes: 1},
	} {
		got, notes, err := scalingOf(scaled(c.annotations, c.labels))
		if err != nil || got != c.want || len(notes) != c.notes {
			t.Errorf("%s: %+v, notes %q, %v", c.name, got, notes, err)
		}
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
		s, _, err := scalingOf(scaled(a, nil))
		if err == nil && (s.min < 1 || s.min > s.max || s.max > MaxReplicas || s.target < 1 || s.idle <= 0 || s.down <= 0) {
			t.Errorf("%v gives %+v", a, s)
		}
	})
}

// Seed: R25
func TestScaling_HowManyReplicasThereShallBe(t *testing.T) {
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
		"sleeps when nobody called for a while": {defaultScaling, 1, []look{
			{after: 1 * m, used: 0, want: 1, again: 4 * m},
			{after: 5 * m, used: 1 * m, want: 1, again: 1 * m},
			{after: 6 * m, used: 1 * m, want: 0},
			{after: 7 * m, used: 1 * m, want: 0},
		}},
		"never while a call runs": {defaultScaling, 1, []look{
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
