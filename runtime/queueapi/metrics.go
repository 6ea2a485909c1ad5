package queueapi

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("fnstore_queue_"+name, help, []string{"function_name"}, nil)
}

// The queue's metrics. All are gauges, read when somebody asks.
var (
	waiting  = describe("waiting_messages", "Messages that no worker has.")
	inFlight = describe("in_flight_messages", "Messages that a worker has.")
	oldest   = describe("oldest_message_age_seconds", "Time since the oldest message that is not done was accepted.")
	attempts = describe("attempts", "Deliveries begun of the messages that are not done.")
	dead     = describe("dead_letters", "Dead letters that are kept.")
	stopped  = describe("paused", "1 while the circuit has been open for 15 minutes or an operator paused it.")
	opened   = describe("circuit_open", "1 while messages wait because the function fails or is paused.")
)

// Collector gives the numbers as Prometheus metrics. label makes the value of
// function_name.
func Collector(n *Numbers, label func(function string) string) prometheus.Collector {
	return collector{n, label}
}

type collector struct {
	numbers *Numbers
	label   func(string) string
}

func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waiting, inFlight, oldest, attempts, dead, stopped, opened} {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	list, _, err := c.numbers.Read(context.Background()) // bounded by readTime
	if err != nil {
		ch <- prometheus.NewInvalidMetric(waiting, err)
		return
	}
	for _, f := range list {
		name := c.label(f.Function)
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, name)
		}
		gauge(waiting, float64(f.Waiting))
		gauge(inFlight, float64(f.InFlight))
		gauge(oldest, f.AgeSeconds)
		gauge(attempts, float64(f.Attempts))
		gauge(dead, float64(f.Dead))
		gauge(stopped, flag(f.State() == "paused"))
		gauge(opened, flag(f.Circuit != nil))
	}
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
