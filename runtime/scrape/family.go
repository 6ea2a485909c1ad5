package scrape

import (
	"regexp"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Family is a metric that functions may have. Every function has the same one:
// Prometheus knows one kind and one help for a name, so neither is taken from
// what a replica says.
type Family struct {
	Name, Help string
	Kind       dto.MetricType
	Labels     []string // that each series has beside function and replica, and no others; nil: those it says
}

// Known are the metrics of the function server and of package limit. No other
// that a function may have begins as one of them does.
var Known = []Family{
	{"http_requests_total", "Calls that the function answered, by status and method; 429 are those it refused.", dto.MetricType_COUNTER, []string{"code", "method"}},
	{"http_request_duration_seconds", "Time from the first header of a call to the last byte of its answer.", dto.MetricType_HISTOGRAM, []string{"code", "method"}},
	{"http_requests_in_flight", "Calls that the replica works on.", dto.MetricType_GAUGE, []string{}},
	{"fnstore_limit_decisions_total", "Calls that a limit decided about: allowed or refused, by Redis or (degraded) by the process alone; unavailable were refused for want of Redis.", dto.MetricType_COUNTER, []string{"policy", "decision"}},
	{"fnstore_limit_degraded", "1 while the function counts without Redis, because that does not answer.", dto.MetricType_GAUGE, []string{"policy"}},
	{"fnstore_limit_redis_failures_total", "Decisions that Redis did not make in time.", dto.MetricType_COUNTER, []string{"policy"}},
}

// OwnHelp is said of every metric that is not Known.
const OwnHelp = "A function's own; its README says what it means."

// Reserved begin the names of others: the store, the Go runtime, Prometheus.
var Reserved = []string{"fnstore_", "gateway_", "http_", "go_", "process_", "promhttp_", "prometheus_", "alertmanager_", "grafana_", "net_", "scrape_", "up_"}

// parts are the ends of names that belong to the parts of another metric.
var parts = []string{"_count", "_sum", "_bucket", "_created", "_info"}

// own is PREFIX_WHAT.
var own = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)+$`)

// familyOf gives the metric of that name, if a function may have it: one of Known,
// or PREFIX_WHAT in lower case with a prefix that is not Reserved. The name says
// the kind, as Prometheus' rules for names have it: what ends in _total is a
// counter, in _seconds or _bytes a histogram, anything else a gauge, and so is a
// _timestamp_seconds. So two functions cannot disagree about it.
func familyOf(name string) (f Family, ok bool) {
	for _, f := range Known {
		if f.Name == name {
			return f, true
		}
	}
	if len(name) > maxName || !own.MatchString(name) {
		return f, false
	}
	for _, p := range Reserved {
		if strings.HasPrefix(name, p) {
			return f, false
		}
	}
	for _, s := range parts {
		if strings.HasSuffix(name, s) {
			return f, false
		}
	}
	f = Family{Name: name, Help: OwnHelp, Kind: dto.MetricType_GAUGE}
	switch {
	case strings.HasSuffix(name, "_total"):
		f.Kind = dto.MetricType_COUNTER
	case strings.HasSuffix(name, "_timestamp_seconds"):
	case strings.HasSuffix(name, "_seconds"), strings.HasSuffix(name, "_bytes"):
		f.Kind = dto.MetricType_HISTOGRAM
	}
	return f, true
}
