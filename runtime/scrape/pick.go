package scrape

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// pick sends the series that are the function's to have, those of Known first,
// until the replica has as many as it may.
func (s Source) pick(families map[string]*dto.MetricFamily, ch chan<- prometheus.Metric) {
	left := maxSamples
	names := slices.SortedFunc(maps.Keys(families), func(a, b string) int {
		if k := known(a) - known(b); k != 0 {
			return k
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		f, ok := familyOf(name)
		if !ok || !f.like(families[name].GetType()) {
			continue
		}
		seen := map[string]bool{}
		for _, given := range families[name].GetMetric() {
			m, key, cost := s.metric(f, given)
			if m == nil || seen[key] || len(seen) == maxSeries || cost > left {
				continue
			}
			seen[key] = true
			left -= cost
			ch <- m
		}
	}
}

// known is where the name stands in Known; those that are not there are last.
func known(name string) int {
	for i, f := range Known {
		if f.Name == name {
			return i
		}
	}
	return len(Known)
}

// like reports whether what a replica calls a metric is what it is here.
func (f Family) like(given dto.MetricType) bool {
	return given == f.Kind || given == dto.MetricType_UNTYPED && f.Kind != dto.MetricType_HISTOGRAM
}

// metric gives one series, what tells it from others of its metric, and how many
// samples it is; nil for one that is left out.
func (s Source) metric(f Family, given *dto.Metric) (_ prometheus.Metric, key string, cost int) {
	names, values, ok := f.labelsOf(given)
	if !ok {
		return nil, "", 0
	}
	key = strings.Join(values, "\x00") + "\x00" + strings.Join(names, "\x00")
	desc := prometheus.NewDesc(f.Name, f.Help, append([]string{"function", "replica"}, names...), nil)
	values = append([]string{s.Function, s.Replica}, values...)
	var m prometheus.Metric
	var err error
	switch h := given.GetHistogram(); {
	case f.Kind == dto.MetricType_HISTOGRAM:
		buckets, ok := bucketsOf(h)
		if !ok {
			return nil, "", 0
		}
		m, err = prometheus.NewConstHistogram(desc, h.GetSampleCount(), h.GetSampleSum(), buckets, values...)
		cost = len(buckets) + 3
	default:
		kind := prometheus.GaugeValue
		if f.Kind == dto.MetricType_COUNTER {
			kind = prometheus.CounterValue
		}
		v := value(given)
		if !finite(v) {
			return nil, "", 0
		}
		m, err = prometheus.NewConstMetric(desc, kind, v, values...)
		cost = 1
	}
	if err != nil {
		return nil, "", 0
	}
	return m, key, cost
}

// bucketsOf gives a histogram's buckets without the last, which is all of them.
func bucketsOf(h *dto.Histogram) (map[float64]uint64, bool) {
	if h == nil || len(h.GetBucket()) > maxBuckets || !finite(h.GetSampleSum()) {
		return nil, false
	}
	buckets := map[float64]uint64{}
	for _, b := range h.GetBucket() {
		switch le := b.GetUpperBound(); {
		case finite(le):
			buckets[le] = b.GetCumulativeCount()
		case !math.IsInf(le, 1):
			return nil, false
		}
	}
	return buckets, true
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

var labelName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)

// labelsOf gives the names and values of a series' labels, sorted by name. Those
// that the store or Prometheus sets are not the function's to give.
func (f Family) labelsOf(given *dto.Metric) (names, values []string, ok bool) {
	of := map[string]string{}
	for _, l := range given.GetLabel() {
		name, v := l.GetName(), l.GetValue()
		switch name {
		case "function", "replica", "job", "instance":
			continue
		}
		if f.Labels != nil && !slices.Contains(f.Labels, name) {
			continue
		}
		_, twice := of[name]
		if twice || len(of) == maxLabels || len(name) > maxName || len(v) > maxLabel || name == "le" || name == "quantile" || !labelName.MatchString(name) || !utf8.ValidString(v) {
			return nil, nil, false
		}
		of[name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		names, values = append(names, name), append(values, of[name])
	}
	return names, values, f.Labels == nil || len(of) == len(f.Labels)
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
