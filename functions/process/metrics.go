package function

import (
	"expvar"
	"fmt"
	"sort"
	"strconv"
	"sync"
	"time"
)

// bounds are those of the buckets of the processing time, in seconds.
var bounds = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// metrics counts files and rows for Prometheus. The function server shows what
// AppendMetrics writes; the store adds function and replica.
type metrics struct {
	mu       sync.Mutex
	buckets  [len(bounds) + 1]uint64 // not cumulative; the last is +Inf
	seconds  float64
	files    uint64
	records  map[string]int64 // by table
	rejected map[string]int64
	errors   map[string]int64 // by what became of the file
}

var counted = newMetrics()

func init() { expvar.Publish("datapipeline", counted) }

// newMetrics has the series of errors from the beginning: an alert that looks at
// an increase sees none of the first.
func newMetrics() *metrics {
	return &metrics{records: map[string]int64{}, rejected: map[string]int64{}, errors: map[string]int64{"failed": 0, "dead": 0}}
}

// done counts a file whose rows are in their table.
func (m *metrics) done(r result, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := took.Seconds()
	m.buckets[sort.SearchFloat64s(bounds[:], s)]++
	m.seconds += s
	m.files++
	m.records[r.table] += r.records
	m.rejected[r.table] += r.rejected
}

// failed counts a file that became failed or dead. One that was replaced is no error.
func (m *metrics) failed(status string) {
	if status == "replaced" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.errors[status]++
}

// String is the variable as package expvar shows it.
func (m *metrics) String() string { return "{}" }

// AppendMetrics writes Prometheus' text format, version 0.0.4.
func (m *metrics) AppendMetrics(b []byte) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	b = append(b, "# HELP datapipeline_processing_seconds Time from the claim of a file to the commit of its rows.\n# TYPE datapipeline_processing_seconds histogram\n"...)
	var n uint64
	for i, in := range m.buckets {
		n += in
		le := "+Inf"
		if i < len(bounds) {
			le = strconv.FormatFloat(bounds[i], 'g', -1, 64)
		}
		b = fmt.Appendf(b, "datapipeline_processing_seconds_bucket{le=%q} %d\n", le, n)
	}
	b = fmt.Appendf(b, "datapipeline_processing_seconds_sum %g\ndatapipeline_processing_seconds_count %d\n", m.seconds, m.files)
	b = series(b, "datapipeline_records_total", "Rows that were put into a table.", "table", m.records)
	b = series(b, "datapipeline_rejected_records_total", "Rows of files that are done which could not be used.", "table", m.rejected)
	return series(b, "datapipeline_errors_total", "Files that failed and come again, or are dead.", "outcome", m.errors)
}

func series(b []byte, name, help, label string, values map[string]int64) []byte {
	b = fmt.Appendf(b, "# HELP %s %s\n# TYPE %s counter\n", name, help, name)
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		b = fmt.Appendf(b, "%s{%s=%q} %d\n", name, label, k, values[k])
	}
	return b
}
