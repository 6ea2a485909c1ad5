package server

import (
	"expvar"
	"net"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bounds are the upper bounds of a histogram's buckets in nanoseconds and, as
// they are written, in seconds: those that Prometheus' client for Go has by
// default.
var bounds = [...]struct {
	ns int64
	le string
}{
	{5e6, "0.005"}, {1e7, "0.01"}, {25e6, "0.025"}, {5e7, "0.05"}, {1e8, "0.1"}, {25e7, "0.25"},
	{5e8, "0.5"}, {1e9, "1"}, {25e8, "2.5"}, {5e9, "5"}, {1e10, "10"},
}

// methods are the label values of method. Whatever else a client thinks of is
// "unknown", so that it cannot make series.
var methods = [...]string{"unknown", "connect", "delete", "get", "head", "notify", "options", "patch", "post", "put", "trace"}

func methodIndex(m string) int {
	switch m {
	case http.MethodGet:
		return 3
	case http.MethodPost:
		return 8
	}
	for i := 1; i < len(methods); i++ {
		if strings.EqualFold(m, methods[i]) {
			return i
		}
	}
	return 0
}

// series is what is counted of one method and status. A call costs it two
// additions.
type series struct {
	code, method int
	buckets      [len(bounds) + 1]atomic.Uint64 // not cumulative; the last is +Inf
	nanoseconds  atomic.Int64
}

// metrics counts calls by method and status. Readers take no lock: the map is
// replaced, never changed, and there are few replacements in a process' life.
type metrics struct {
	current atomic.Value // map[int]*series
	mu      sync.Mutex   // held while current is replaced
}

func (m *metrics) count(method string, code int, took time.Duration) {
	at := methodIndex(method)
	key := code*len(methods) + at
	known, _ := m.current.Load().(map[int]*series)
	s := known[key]
	if s == nil {
		s = m.add(key, code, at)
	}
	i := 0
	for i < len(bounds) && int64(took) > bounds[i].ns {
		i++
	}
	s.buckets[i].Add(1)
	s.nanoseconds.Add(int64(took))
}

func (m *metrics) add(key, code, method int) *series {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, _ := m.current.Load().(map[int]*series)
	if s := known[key]; s != nil {
		return s
	}
	next := make(map[int]*series, len(known)+1)
	for k, s := range known {
		next[k] = s
	}
	s := &series{code: code, method: method}
	next[key] = s
	m.current.Store(next)
	return s
}

// text writes Prometheus' text format, version 0.0.4.
func (m *metrics) text(inFlight int64) []byte {
	known, _ := m.current.Load().(map[int]*series)
	keys := make([]int, 0, len(known))
	for k := range known {
		keys = append(keys, k)
	}
	sort.Ints(keys)
	var total, spread []byte
	for _, k := range keys {
		s := known[k]
		labels := `{code="` + strconv.Itoa(s.code) + `",method="` + methods[s.method]
		var n uint64
		for i := range s.buckets {
			n += s.buckets[i].Load()
			le := "+Inf"
			if i < len(bounds) {
				le = bounds[i].le
			}
			spread = sample(spread, "http_request_duration_seconds_bucket", labels+`",le="`+le+`"}`, strconv.FormatUint(n, 10))
		}
		sum := strconv.FormatFloat(float64(s.nanoseconds.Load())/1e9, 'g', -1, 64)
		spread = sample(spread, "http_request_duration_seconds_sum", labels+`"}`, sum)
		spread = sample(spread, "http_request_duration_seconds_count", labels+`"}`, strconv.FormatUint(n, 10))
		total = sample(total, "http_requests_total", labels+`"}`, strconv.FormatUint(n, 10))
	}
	out := []byte("# HELP http_requests_total Requests answered, by status and method.\n# TYPE http_requests_total counter\n")
	out = append(out, total...)
	out = append(out, "# HELP http_request_duration_seconds Time from the first header to the last byte of an answer.\n# TYPE http_request_duration_seconds histogram\n"...)
	out = append(out, spread...)
	out = append(out, "# HELP http_requests_in_flight Requests being handled now.\n# TYPE http_requests_in_flight gauge\n"...)
	return published(sample(out, "http_requests_in_flight", "", strconv.FormatInt(inFlight, 10)))
}

// published adds what the handler counts by itself, in variables of package
// expvar. A map whose name begins with fnstore_ is a metric, and a key of it is
// the labels of a series; a name that ends in _total is a counter's. A variable
// with a method AppendMetrics writes its own lines. So a handler needs no library
// to be seen, and this server knows none.
func published(b []byte) []byte {
	expvar.Do(func(v expvar.KeyValue) {
		if own, ok := v.Value.(interface{ AppendMetrics([]byte) []byte }); ok {
			b = own.AppendMetrics(b)
			return
		}
		all, ok := v.Value.(*expvar.Map)
		if !ok || !strings.HasPrefix(v.Key, "fnstore_") {
			return
		}
		kind := " gauge\n"
		if strings.HasSuffix(v.Key, "_total") {
			kind = " counter\n"
		}
		b = append(append(append(b, "# TYPE "...), v.Key...), kind...)
		all.Do(func(series expvar.KeyValue) {
			if _, err := strconv.ParseFloat(series.Value.String(), 64); err == nil {
				b = sample(b, v.Key, "{"+series.Key+"}", series.Value.String())
			}
		})
	})
	return b
}

func sample(b []byte, name, labels, value string) []byte {
	b = append(append(b, name...), labels...)
	return append(append(append(b, ' '), value...), '\n')
}

// exhibit serves the metrics until the function ends. A port that is taken
// costs the metrics and not the function.
func (s *server) exhibit(ln net.Listener) *http.Server {
	if ln == nil && s.metricsPort > 0 {
		var err error
		if ln, err = net.Listen("tcp", ":"+strconv.Itoa(s.metricsPort)); err != nil {
			s.log.Warn("no metrics: " + err.Error())
			return nil
		}
	}
	if ln == nil {
		return nil
	}
	web := s.limits(http.HandlerFunc(s.show))
	go web.Serve(newGate(ln, maxScrapers))
	s.log.Info("metrics", "address", ln.Addr().String())
	return web
}

// maxScrapers bounds the connections of the metrics' port.
const maxScrapers = 16

func (s *server) show(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/metrics" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write(s.metrics.text(s.inflight.Load()))
}
