package eventapi

import (
	"github.com/prometheus/client_golang/prometheus"

	"fnstore/connectors/hook"
)

// Collector gives what connectors did as counters for Prometheus, by source, and
// how far each one is behind. What
// the source "reconcile" wrote is what notifications had missed.
func Collector(m *hook.Metrics) prometheus.Collector { return collector{m} }

type collector struct{ metrics *hook.Metrics }

// counters are the metrics, and where each one's number is.
var counters = []struct {
	desc  *prometheus.Desc
	value func(hook.Counts) uint64
}{
	{desc("events", "Events that were dealt with."), func(c hook.Counts) uint64 { return c.Events }},
	{desc("messages", "Messages that were written."), func(c hook.Counts) uint64 { return c.Messages }},
	{desc("skipped", "Messages that were not written because an earlier one was pending."), func(c hook.Counts) uint64 { return c.Skipped }},
	{desc("failures", "Times that a source failed and was connected again."), func(c hook.Counts) uint64 { return c.Failures }},
}

func desc(what, help string) *prometheus.Desc {
	return prometheus.NewDesc("fnstore_connector_"+what+"_total", help, []string{"source"}, nil)
}

var lag = prometheus.NewDesc("fnstore_connector_lag_seconds", "Time for which the source could not be read; 0 while it is.", []string{"source"}, nil)

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, k := range counters {
		ch <- k.desc
	}
	ch <- lag
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	for source, counts := range c.metrics.Snapshot() {
		for _, k := range counters {
			ch <- prometheus.MustNewConstMetric(k.desc, prometheus.CounterValue, float64(k.value(counts)), source)
		}
		ch <- prometheus.MustNewConstMetric(lag, prometheus.GaugeValue, counts.Lag.Seconds(), source)
	}
}
