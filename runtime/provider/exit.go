package provider

import "time"

// exit is the end of a replica that nobody had asked to end.
type exit struct {
	at  time.Time
	how string
}

// LastExit tells how a replica of the function ended by itself since then: by
// which signal, limit or status. It is "" when none did.
func (p *Provider) LastExit(name string, since time.Time) string {
	f, err := p.find(name)
	if err != nil {
		return ""
	}
	if e := f.exit.Load(); e != nil && e.at.After(since) {
		return e.how
	}
	return ""
}
