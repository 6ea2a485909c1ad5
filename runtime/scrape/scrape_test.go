package scrape

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// says is a replica that answers with a text.
type says string

func (s says) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(string(s)))}, nil
}

// never is a replica that does not answer.
type never struct{}

func (never) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

const honest = `# TYPE fnstore_limit_decisions_total counter
fnstore_limit_decisions_total{function="users",policy="default",decision="allowed"} 12
fnstore_limit_decisions_total{function="users",policy="default",decision="refused"} 3
# TYPE fnstore_limit_degraded gauge
fnstore_limit_degraded{function="users",policy="default"} 1
http_requests_total{code="200",method="get"} 15
`

// A replica that does not answer is left out, and the others are there.
func TestCollector_GivesFunctionAndReplica(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(Collector(func() []Source {
		return []Source{{"users", "users-1", says(honest)}, {"users", "users-2", never{}}}
	}))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			got[f.GetName()+" "+strings.Join(labels, " ")] = value(m)
		}
	}
	want := map[string]float64{
		"fnstore_limit_decisions_total decision=allowed function=users policy=default replica=users-1": 12,
		"fnstore_limit_decisions_total decision=refused function=users policy=default replica=users-1": 3,
		"fnstore_limit_degraded function=users policy=default replica=users-1":                         1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// What a function says wrongly costs its own series alone: the others are there,
// and so are the store's.
func TestCollector_BelievesNoFunction(t *testing.T) {
	hostile := []string{
		"fnstore_limit_degraded{function=\"users\",policy=\"default\"} 1\nfnstore_limit_degraded{function=\"users\",policy=\"default\"} 0\n",
		"# TYPE fnstore_limit_degraded counter\nfnstore_limit_degraded{policy=\"a\"} 1\n",
		"# TYPE fnstore_limit_degraded histogram\nfnstore_limit_degraded_bucket{policy=\"a\",le=\"1\"} 1\n",
		"fnstore_limit_degraded{policy=\"" + strings.Repeat("a", 1000) + "\"} 1\n",
		"fnstore_limit_degraded 1\n", "fnstore_limit_degraded{policy=\"a\"} NaN\n", "fnstore_limit_degraded{policy=\"a\"", "\x00\xff", strings.Repeat("a", 2*maxBytes),
		"fnstore_queue_dead_letters{function_name=\"other\"} 1\ngo_goroutines 7\n",
	}
	var many strings.Builder
	for i := range 5000 {
		many.WriteString("fnstore_limit_degraded{policy=\"" + strings.Repeat("b", i%60) + string(rune('a'+i/60%26)) + string(rune('a'+i/1560)) + "\"} 1\n")
	}
	hostile = append(hostile, many.String())
	for _, text := range hostile {
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(Collector(func() []Source {
			return []Source{{"evil", "evil-1", says(text)}, {"users", "users-1", says(honest)}}
		}))
		families, err := r.Gather()
		if err != nil {
			t.Errorf("%.80q: %v", text, err)
		}
		ours, theirs := 0, 0
		for _, f := range families {
			if !strings.HasPrefix(f.GetName(), "fnstore_limit_") {
				t.Errorf("%.80q: the metric %s", text, f.GetName())
			}
			for _, m := range f.Metric {
				if m.Label[len(m.Label)-1].GetValue() == "users-1" { // replica is the last by name
					ours++
				} else {
					theirs++
				}
			}
		}
		if ours != 3 || theirs > maxSeries {
			t.Errorf("%.80q: %d series of the other function, %d of its own", text, ours, theirs)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(honest)
	f.Add("a{b=\"c\"} 1 2\n")
	f.Fuzz(func(_ *testing.T, text string) {
		families, err := parse(strings.NewReader(text))
		if err != nil {
			return
		}
		ch := make(chan prometheus.Metric, len(metrics)*maxSeries)
		Source{Function: "f", Replica: "r"}.pick(families, ch)
	})
}
