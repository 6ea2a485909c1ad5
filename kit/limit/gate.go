package limit

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Gate counts requests by a function's policies.
type Gate struct {
	Limiter  *Limiter
	Proxies  Proxies
	Policies map[string]Policy
}

// OpenGate makes the gate of a function from its environment: limit_NAME
// replaces the policy of that name (see Parse), with an underscore for each
// hyphen; trusted_proxies is a list for ParseProxies; limit_budget is how long one
// decision of Redis may take. The login of Redis is what
// read gives.
func OpenGate(function string, getenv func(string) string, read func() (string, error), policies ...Policy) (*Gate, error) {
	g := &Gate{Policies: map[string]Policy{}}
	for _, p := range policies {
		if text := getenv("limit_" + strings.ReplaceAll(p.Name, "-", "_")); text != "" {
			closed := p.Closed
			var err error
			if p, err = Parse(p.Name, text); err != nil {
				return nil, err
			}
			if !strings.Contains(text, "down=") {
				p.Closed = closed
			}
		}
		if err := p.check(); err != nil {
			return nil, err
		}
		g.Policies[p.Name] = p
	}
	var err error
	if g.Proxies, err = ParseProxies(getenv("trusted_proxies")); err != nil {
		return nil, err
	}
	g.Limiter = Open(function, read)
	if text := getenv("limit_budget"); text != "" {
		if g.Limiter.Budget, err = time.ParseDuration(text); err != nil || g.Limiter.Budget <= 0 {
			return nil, fmt.Errorf("limit_budget %q is not a duration", text)
		}
	}
	for _, p := range g.Policies {
		g.Limiter.count(p) // so that its metrics begin at 0
	}
	return g, nil
}

// Check counts one request against a policy, by who sends it or, when that is
// empty, by the address it comes from. It writes the headers; the error is
// fault.TooMany, or fault.Unavailable where the policy is closed without Redis.
func (g *Gate) Check(w http.ResponseWriter, r *http.Request, policy, who string) error {
	p, ok := g.Policies[policy]
	if !ok {
		return fmt.Errorf("there is no limit %q", policy)
	}
	if who == "" {
		who = "address " + g.Proxies.Client(r)
	}
	d, err := g.Limiter.Take(r.Context(), p, who)
	if err != nil {
		return err
	}
	d.Write(w.Header())
	if !d.Allowed {
		return d.Refusal()
	}
	return nil
}
