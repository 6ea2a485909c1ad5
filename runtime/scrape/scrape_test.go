package scrape

import (
	"fmt"
	"io"
	"maps"
	"math"
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
# TYPE http_requests_total counter
http_requests_total{code="200",method="get"} 15
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{code="200",method="get",le="0.1"} 14
http_request_duration_seconds_bucket{code="200",method="get",le="+Inf"} 15
http_request_duration_seconds_sum{code="200",method="get"} 3.5
http_request_duration_seconds_count{code="200",method="get"} 15
# TYPE http_requests_in_flight gauge
http_requests_in_flight 2
# TYPE datapipeline_records_total counter
datapipeline_records_total{format="csv"} 70
# TYPE datapipeline_processing_seconds histogram
datapipeline_processing_seconds_bucket{le="1"} 3
datapipeline_processing_seconds_bucket{le="+Inf"} 4
datapipeline_processing_seconds_sum 9
datapipeline_processing_seconds_count 4
# TYPE last_run_timestamp_seconds gauge
last_run_timestamp_seconds 5
`

// gather gives the value of each series of the sources, a histogram's being its
// count.
func gather(t *testing.T, sources ...Source) map[string]float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	// Some of the store's own, beside which a function's must not disturb.
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "fnstore_queue_dead_letters", Help: "Kept."}, func() float64 { return 0 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "gateway_service_count", Help: "Replicas."}, func() float64 { return 1 }),
		Collector(func() []Source { return sources }))
	families, err := r.Gather()
	if err != nil {
		t.Errorf("%.200v", err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			v := value(m)
			if m.Histogram != nil {
				v = float64(m.Histogram.GetSampleCount())
			}
			got[strings.TrimSpace(f.GetName()+" "+strings.Join(labels, " "))] = v
		}
	}
	if got["fnstore_queue_dead_letters"] != 0 || got["gateway_service_count"] != 1 {
		t.Error("a function has changed a metric of the store")
	}
	delete(got, "fnstore_queue_dead_letters")
	delete(got, "gateway_service_count")
	return got
}

// A replica that does not answer is left out, and the others are there.
//
// Seed: B52
func TestCollector_GivesFunctionAndReplica(t *testing.T) {
	got := gather(t, Source{"users", "users-1", says(honest)}, Source{"users", "users-2", never{}})
	want := map[string]float64{
		"fnstore_limit_decisions_total decision=allowed function=users policy=default replica=users-1": 12,
		"fnstore_limit_decisions_total decision=refused function=users policy=default replica=users-1": 3,
		"fnstore_limit_degraded function=users policy=default replica=users-1":                         1,
		"http_requests_total code=200 function=users method=get replica=users-1":                       15,
		"http_request_duration_seconds code=200 function=users method=get replica=users-1":             15,
		"http_requests_in_flight function=users replica=users-1":                                       2,
		"datapipeline_records_total format=csv function=users replica=users-1":                         70,
		"datapipeline_processing_seconds function=users replica=users-1":                               4,
		"last_run_timestamp_seconds function=users replica=users-1":                                    5,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// What a function says wrongly costs its own series alone: the others are there,
// and so are the store's.
func TestCollector_BelievesNoFunction(t *testing.T) {
	long := strings.Repeat("a", 1000)
	hostile := []string{
		"fnstore_limit_degraded{function=\"users\",policy=\"default\"} 1\nfnstore_limit_degraded{function=\"users\",policy=\"default\"} 0\n",
		"# TYPE fnstore_limit_degraded counter\nfnstore_limit_degraded{policy=\"a\"} 1\n",
		"# TYPE fnstore_limit_degraded histogram\nfnstore_limit_degraded_bucket{policy=\"a\",le=\"1\"} 1\n",
		"fnstore_limit_degraded{policy=\"" + long + "\"} 1\n",
		"fnstore_limit_degraded 1\n", "fnstore_limit_degraded{policy=\"a\"} NaN\n", "fnstore_limit_degraded{policy=\"a\"", "\x00\xff", strings.Repeat("a", 2*maxBytes),
		// The store's, and those of the parts of another's.
		"fnstore_queue_dead_letters 9\nfnstore_queue_dead_letters{function_name=\"other\"} 1\ngo_goroutines 7\ngateway_service_count 7\nup 0\n",
		"datapipeline_processing_seconds_count 3\ndatapipeline_processing_seconds_sum 3\ndatapipeline_processing_seconds_bucket{le=\"1\"} 3\n",
		// The same name, of another kind, with another help, as another function.
		"# HELP datapipeline_records_total Lies.\n# TYPE datapipeline_records_total gauge\ndatapipeline_records_total 7\n",
		"# TYPE datapipeline_records_total histogram\ndatapipeline_records_total_bucket{le=\"1\"} 7\n",
		"# TYPE datapipeline_processing_seconds gauge\ndatapipeline_processing_seconds 7\n", "# TYPE datapipeline_processing_seconds summary\ndatapipeline_processing_seconds{quantile=\"0.5\"} 7\n",
		"# HELP datapipeline_records_total Lies.\ndatapipeline_records_total{function=\"users\",replica=\"users-1\",format=\"csv\"} 1\n",
		"# TYPE http_requests_total counter\nhttp_requests_total{code=\"200\",method=\"get\",function=\"users\",replica=\"users-1\"} 1\nhttp_requests_total{code=\"200\",method=\"get\",x=\"y\"} 1\n",
		// Labels and numbers that are none.
		"x_y{a=\"1\",a=\"2\"} 1\n", "x_y{le=\"1\"} 1\n", "x_y{__name__=\"up\"} 1\n", "x_y{a=\"\xff\"} 1\n", "x_y{" + long + "=\"1\"} 1\n", "x_y +Inf\n", "X 1\nx 1\nx:y 1\n_x 1\n" + long + "_x 1\n",
		"x_y{a=\"1\",b=\"2\",c=\"3\",d=\"4\",e=\"5\",f=\"6\",g=\"7\",h=\"8\",i=\"9\"} 1\n", "x_y{job=\"prometheus\",instance=\"z\"} 1\n",
		"# TYPE x_seconds histogram\nx_seconds_bucket{le=\"NaN\"} 1\nx_seconds_bucket{le=\"1\"} 5\nx_seconds_bucket{le=\"1\"} 2\nx_seconds_sum NaN\n",
	}
	add := func(line func(i int) string) {
		var b strings.Builder
		for i := 0; b.Len() < maxBytes-200; i++ {
			b.WriteString(line(i))
		}
		hostile = append(hostile, b.String())
	}
	add(func(i int) string { return fmt.Sprintf("fnstore_limit_degraded{policy=\"%d\"} 1\n", i) })
	add(func(i int) string { return fmt.Sprintf("x_%d 1\n", i) })
	add(func(i int) string {
		return fmt.Sprintf("# TYPE x_%d_seconds histogram\nx_%d_seconds_bucket{le=\"1\"} 1\nx_%d_seconds_count 1\n", i, i, i)
	})
	hostile = append(hostile, func() string {
		b := "# TYPE x_seconds histogram\n"
		for i := range 2000 {
			b += fmt.Sprintf("x_seconds_bucket{le=\"%d\"} 1\n", i)
		}
		return b
	}())
	honestly := len(gather(t, Source{"users", "users-1", says(honest)}))
	for _, text := range hostile {
		for _, name := range []string{"evil", "zevil"} { // before the other and behind it
			got := gather(t, Source{name, name + "-1", says(text)}, Source{"users", "users-1", says(honest)})
			theirs := 0
			for series := range got {
				if strings.HasSuffix(series, "replica="+name+"-1") && strings.Contains(series, " function="+name+" ") {
					theirs++
				} else if !strings.HasSuffix(series, "replica=users-1") {
					t.Errorf("%.80q: %s", text, series)
				}
			}
			if len(got)-theirs != honestly || theirs > maxSamples {
				t.Errorf("%.80q: %d series of the other function, %d of its own", text, len(got)-theirs, theirs)
			}
			if n := strings.Count(strings.Join(keys(got), "\n"), "fnstore_limit_degraded "); n > maxSeries+1 {
				t.Errorf("%d series of one metric", n)
			}
			if got["datapipeline_records_total format=csv function=users replica=users-1"] != 70 || got["datapipeline_processing_seconds function=users replica=users-1"] != 4 {
				t.Errorf("%.80q changed the other function's metrics: %v", text, got)
			}
		}
	}
}

func keys(m map[string]float64) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}

// The store's own names are none that a function may have.
func TestFamilyOf(t *testing.T) {
	for name, want := range map[string]string{
		"http_requests_total": "COUNTER", "http_request_duration_seconds": "HISTOGRAM", "datapipeline_errors_total": "COUNTER",
		"datapipeline_processing_seconds": "HISTOGRAM", "report_size_bytes": "HISTOGRAM", "last_run_timestamp_seconds": "GAUGE", "queue_depth": "GAUGE",
		"http_other_total": "", "fnstore_queue_paused": "", "fnstore_limit_more": "", "gateway_function_invocation_total": "", "go_threads": "", "process_cpu_seconds_total": "",
		"up": "", "a_count": "", "a_sum": "", "a_bucket": "", "A_b": "", "a__b": "", "a_": "", "job:a_b": "", "": "",
	} {
		f, ok := familyOf(name)
		if ok != (want != "") || ok && f.Kind.String() != want {
			t.Errorf("%s: %v %v", name, f, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(honest)
	f.Add("a_b{b=\"c\"} 1 2\n")
	f.Add("# TYPE a_seconds histogram\na_seconds_bucket{le=\"1\"} 1\na_seconds_sum 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		families, err := parse(strings.NewReader(text))
		if err != nil {
			return
		}
		ch := make(chan prometheus.Metric, maxSamples)
		Source{Function: "f", Replica: "r"}.pick(families, ch)
		close(ch)
		seen := map[string]bool{}
		for m := range ch {
			if n := fmt.Sprint(m); seen[n] || math.MaxInt == len(n) {
				t.Errorf("twice: %s", n)
			} else {
				seen[n] = true
			}
		}
	})
}
