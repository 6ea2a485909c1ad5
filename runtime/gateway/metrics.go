package gateway

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/openfaas/faas-provider/types"
)

// metrics are the gateway's, by the names OpenFaaS gives them; function_name is
// always NAME.NAMESPACE. Each function's series are found once and kept: a call
// counts without looking a label up.
type metrics struct {
	registry *prometheus.Registry
	started  *prometheus.CounterVec
	total    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inflight *prometheus.GaugeVec
	series   sync.Map // function's name → *series
}

// series are one function's.
type series struct {
	label    string
	calls    atomic.Uint64 // that ended, for invocationCount
	open     atomic.Int64  // calls that run or wait
	started  prometheus.Counter
	inflight prometheus.Gauge
	codes    sync.Map // status → *ended
}

// ended are the series of a function and a status.
type ended struct {
	total   prometheus.Counter
	seconds prometheus.Observer
}

// newMetrics makes the metrics; list gives the functions as they stand when
// somebody asks.
func newMetrics(list func(context.Context) ([]types.FunctionStatus, error)) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		started: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_function_invocation_started", Help: "Calls that reached a function.",
		}, []string{"function_name"}),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_function_invocation_total", Help: "Calls that ended, by HTTP status; 499 when the caller had gone.",
		}, []string{"function_name", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gateway_functions_seconds", Help: "Time of calls in seconds, waiting included.",
		}, []string{"function_name", "code"}),
		inflight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gateway_function_invocation_inflight", Help: "Calls that are under way.",
		}, []string{"function_name"}),
	}
	m.registry.MustRegister(m.started, m.total, m.seconds, m.inflight, replicaCounts{list},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) of(name string) *series {
	if s, ok := m.series.Load(name); ok {
		return s.(*series)
	}
	label := name + "." + Namespace
	s, _ := m.series.LoadOrStore(name, &series{
		label: label, started: m.started.WithLabelValues(label), inflight: m.inflight.WithLabelValues(label),
	})
	return s.(*series)
}

func (s *series) begin() {
	s.started.Inc()
	s.inflight.Inc()
}

func (m *metrics) end(s *series, status int, took time.Duration) {
	m.refused(s, status, took)
	s.inflight.Dec()
}

// refused counts a call that was ended before it reached the function.
func (m *metrics) refused(s *series, status int, took time.Duration) {
	e, ok := s.codes.Load(status)
	if !ok {
		code := strconv.Itoa(status)
		e, _ = s.codes.LoadOrStore(status, &ended{m.total.WithLabelValues(s.label, code), m.seconds.WithLabelValues(s.label, code)})
	}
	e.(*ended).total.Inc()
	e.(*ended).seconds.Observe(took.Seconds())
	s.calls.Add(1)
}

func (m *metrics) count(name string) float64 {
	if s, ok := m.series.Load(name); ok {
		return float64(s.(*series).calls.Load())
	}
	return 0
}

// forget drops the series of a function that is gone. Calls still under way end
// in series that nobody sees.
func (m *metrics) forget(name string) {
	m.series.Delete(name)
	by := prometheus.Labels{"function_name": name + "." + Namespace}
	m.started.DeletePartialMatch(by)
	m.total.DeletePartialMatch(by)
	m.seconds.DeletePartialMatch(by)
	m.inflight.DeletePartialMatch(by)
}

func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")) })
	return mux
}

// replicaCounts collects gateway_service_count when it is asked for.
type replicaCounts struct {
	list func(context.Context) ([]types.FunctionStatus, error)
}

var serviceCount = prometheus.NewDesc("gateway_service_count", "Replicas that the function shall have.", []string{"function_name"}, nil)

func (replicaCounts) Describe(ch chan<- *prometheus.Desc) { ch <- serviceCount }

func (c replicaCounts) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	list, err := c.list(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(serviceCount, err)
		return
	}
	for _, f := range list {
		ch <- prometheus.MustNewConstMetric(serviceCount, prometheus.GaugeValue, float64(f.Replicas), f.Name+"."+Namespace)
	}
}
