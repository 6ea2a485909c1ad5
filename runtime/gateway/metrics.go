package gateway

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the gateway's, by the names OpenFaaS gives them; function_name is
// always NAME.NAMESPACE.
type metrics struct {
	registry *prometheus.Registry
	started  *prometheus.CounterVec
	total    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	counts   sync.Map // label → *atomic.Uint64, for invocationCount
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		started: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_function_invocation_started", Help: "Calls that reached a function.",
		}, []string{"function_name"}),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_function_invocation_total", Help: "Calls that ended, by HTTP status.",
		}, []string{"function_name", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gateway_functions_seconds", Help: "Time of calls in seconds, waiting included.",
		}, []string{"function_name", "code"}),
	}
	m.registry.MustRegister(m.started, m.total, m.seconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) begin(label string) { m.started.WithLabelValues(label).Inc() }

func (m *metrics) end(label string, status int, took time.Duration) {
	code := strconv.Itoa(status)
	m.total.WithLabelValues(label, code).Inc()
	m.seconds.WithLabelValues(label, code).Observe(took.Seconds())
	n, ok := m.counts.Load(label)
	if !ok {
		n, _ = m.counts.LoadOrStore(label, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}

func (m *metrics) count(label string) float64 {
	if n, ok := m.counts.Load(label); ok {
		return float64(n.(*atomic.Uint64).Load())
	}
	return 0
}

// forget drops the series of a function that is gone.
func (m *metrics) forget(label string) {
	by := prometheus.Labels{"function_name": label}
	m.started.DeletePartialMatch(by)
	m.total.DeletePartialMatch(by)
	m.seconds.DeletePartialMatch(by)
	m.counts.Delete(label)
}

func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")) })
	return mux
}
