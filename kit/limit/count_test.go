package limit

import (
	"fmt"
	"testing"
	"time"

	"fnstore/runtime/services/servicestest"
)

// Each decision is counted by function and policy, and a policy that made none
// counts 0.
func TestCount_DecisionsByPolicy(t *testing.T) {
	name := fmt.Sprint("metrics-", time.Now().UnixNano()) // the metrics are the process's
	url := servicestest.Redis(t)
	g, err := OpenGate(name, func(string) string { return "" }, func() (string, error) { return url, nil },
		Policy{Name: "some", Limit: 2, Window: time.Hour, Burst: 2}, Policy{Name: "none", Limit: 1, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Limiter.Close()
	g.Limiter.Budget = 20 * time.Second
	for range 5 {
		take(t, g.Limiter, g.Policies["some"], "u1")
	}
	for labels, want := range map[string]string{
		`policy="some",decision="allowed"`: "2", `policy="some",decision="refused"`: "3", `policy="some",decision="unavailable"`: "0",
		`policy="none",decision="allowed"`: "0", `policy="none",decision="refused_degraded"`: "0",
	} {
		if got := number(decisions, fmt.Sprintf("function=%q,", name)+labels); got != want {
			t.Errorf("%s: %s, want %s", labels, got, want)
		}
	}
	if got := number(degraded, fmt.Sprintf("function=%q,policy=%q", name, "none")); got != "0" {
		t.Errorf("degraded: %s", got)
	}
}
