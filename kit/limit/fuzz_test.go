package limit

import (
	"net/http"
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add("100/1m burst=5 down=closed")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := Parse("p", text); err == nil {
			if cost, ahead := p.pace(); cost < 1 || ahead < 0 {
				t.Errorf("%q: %d %d", text, cost, ahead)
			}
		}
	})
}

func FuzzClient(f *testing.F) {
	f.Add("10.0.0.1:1", "1.2.3.4, 5.6.7.8")
	l, _ := ParseProxies("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, peer, xff string) {
		if l.Client(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {xff}}}) == "" {
			t.Error("nobody")
		}
	})
}
