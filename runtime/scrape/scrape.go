// Package scrape asks replicas for what they counted of limits, and gives it to
// Prometheus with the store's own metrics. It does not know how a replica counts,
// and believes none: a function cannot make a metric of another, nor one of the
// store's, and what it sends is bounded.
package scrape

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Bounds of one replica's answer.
const (
	timeout   = time.Second
	maxBytes  = 1 << 20
	maxSeries = 200 // of a metric
	maxLabel  = 64  // bytes of a label's value
)

// Source is a replica to ask.
type Source struct {
	Function, Replica string
	Transport         http.RoundTripper
}

// metric is one that is collected.
type metric struct {
	name   string
	kind   prometheus.ValueType
	labels []string // that the replica gives; function and replica are the store's
	desc   *prometheus.Desc
}

var metrics = []metric{
	describe("fnstore_limit_decisions_total", prometheus.CounterValue,
		"Calls that a limit decided about: allowed or refused, by Redis or (degraded) by the process alone; unavailable were refused for want of Redis.", "policy", "decision"),
	describe("fnstore_limit_degraded", prometheus.GaugeValue,
		"1 while the function counts without Redis, because that does not answer.", "policy"),
	describe("fnstore_limit_redis_failures_total", prometheus.CounterValue,
		"Decisions that Redis did not make in time.", "policy"),
}

func describe(name string, kind prometheus.ValueType, help string, labels ...string) metric {
	return metric{name, kind, labels, prometheus.NewDesc(name, help, append([]string{"function", "replica"}, labels...), nil)}
}

// Collector asks the replicas that sources gives, all at once, whenever somebody
// asks it. One that does not answer within a second is left out.
func Collector(sources func() []Source) prometheus.Collector { return collector{sources} }

type collector struct{ sources func() []Source }

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range metrics {
		ch <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range c.sources() {
		all.Go(func() {
			if families, err := s.ask(ctx); err == nil {
				s.pick(families, ch)
			}
		})
	}
	all.Wait()
}

// ask gives what the replica shows.
func (s Source) ask(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://function/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := s.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	return parse(io.LimitReader(res.Body, maxBytes))
}

// parse reads Prometheus' text, version 0.0.4.
func parse(r io.Reader) (map[string]*dto.MetricFamily, error) {
	p := expfmt.NewTextParser(model.LegacyValidation)
	return p.TextToMetricFamilies(r)
}

// pick sends those series that are ours to collect.
func (s Source) pick(families map[string]*dto.MetricFamily, ch chan<- prometheus.Metric) {
	for _, m := range metrics {
		seen := map[string]bool{}
		for _, given := range families[m.name].GetMetric() {
			values, ok := m.labelValues(given)
			key := strings.Join(values, "\x00")
			if !ok || seen[key] || len(seen) == maxSeries {
				continue
			}
			seen[key] = true
			if v, err := prometheus.NewConstMetric(m.desc, m.kind, value(given), append([]string{s.Function, s.Replica}, values...)...); err == nil {
				ch <- v
			}
		}
	}
}

// labelValues are the values of the metric's labels, in their order.
func (m metric) labelValues(given *dto.Metric) (values []string, ok bool) {
	for _, name := range m.labels {
		for _, l := range given.GetLabel() {
			if l.GetName() == name && len(l.GetValue()) <= maxLabel {
				values = append(values, l.GetValue())
				break
			}
		}
	}
	return values, len(values) == len(m.labels)
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	}
	return m.GetUntyped().GetValue()
}
