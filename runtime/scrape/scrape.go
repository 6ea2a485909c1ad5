// Package scrape asks replicas for what they counted, and gives it to Prometheus
// with the store's own metrics. It does not know how a replica counts, and
// believes none: a function cannot make a metric of another, nor one of the
// store's, and what it sends is bounded.
package scrape

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Bounds of one replica's answer. What is beyond is left out.
const (
	timeout    = time.Second
	maxBytes   = 256 << 10 // an answer that is longer is left out whole
	maxSeries  = 200       // of a metric
	maxSamples = 2000      // of a replica; each bucket of a histogram is one
	maxBuckets = 40
	maxName    = 80 // bytes of a metric's or label's name
	maxLabels  = 8
	maxLabel   = 64 // bytes of a label's value
)

// readers is how many answers are taken apart at once: what that needs of memory
// is many times their length.
const readers = 2

// Source is a replica to ask.
type Source struct {
	Function, Replica string
	Transport         http.RoundTripper
}

// Collector asks the replicas that sources gives, all at once, whenever somebody
// asks it. One that does not answer within a second is left out.
func Collector(sources func() []Source) prometheus.Collector {
	return collector{sources, make(chan struct{}, readers)}
}

type collector struct {
	sources func() []Source
	reading chan struct{}
}

// Describe implements prometheus.Collector. It names no metric, since functions
// have their own.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range c.sources() {
		all.Go(func() {
			text, err := s.ask(ctx)
			if err != nil {
				return
			}
			c.reading <- struct{}{}
			defer func() { <-c.reading }()
			if families, err := parse(bytes.NewReader(text)); err == nil {
				s.pick(families, ch)
			}
		})
	}
	all.Wait()
}

// ask gives what the replica shows.
func (s Source) ask(ctx context.Context) ([]byte, error) {
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
	b, err := io.ReadAll(io.LimitReader(res.Body, maxBytes+1))
	if err == nil && len(b) > maxBytes {
		err = fmt.Errorf("more than %d bytes", maxBytes)
	}
	return b, err
}

// parse reads Prometheus' text, version 0.0.4.
func parse(r io.Reader) (map[string]*dto.MetricFamily, error) {
	p := expfmt.NewTextParser(model.LegacyValidation)
	return p.TextToMetricFamilies(r)
}
