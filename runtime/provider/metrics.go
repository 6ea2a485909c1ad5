package provider

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/openfaas/faas-provider/types"
)

// HasMetrics reports whether the function's replicas are asked for their metrics.
// They are unless metrics_port of the environment is 0 or empty, which is how the
// function server is told to show none.
func HasMetrics(d types.FunctionDeployment) bool {
	port, said := d.EnvVars["metrics_port"]
	return !said || port != "" && port != "0"
}

// MetricsSource is a ready replica that can be asked for its metrics.
type MetricsSource struct {
	Function, Replica string
	Transport         http.RoundTripper
}

// MetricsSources gives the ready replicas of the functions that HasMetrics. None
// is started for it.
func (p *Provider) MetricsSources() (list []MetricsSource) {
	for name, f := range *p.functions.Load() {
		r := f.current.Load()
		if r == nil || !HasMetrics(r.rec.Deployment) {
			continue
		}
		for _, s := range *r.slots.Load() {
			if live := s.live.Load(); live != nil {
				if t := live.Metrics(); t != nil {
					list = append(list, MetricsSource{name, s.id, t})
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b MetricsSource) int { return cmp.Compare(a.Replica, b.Replica) })
	return list
}
