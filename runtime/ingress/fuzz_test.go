package ingress

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// Whatever a client sends ahead of what its proxies add, they are believed and it
// is not: the client is whom the outermost trusted proxy names.
func FuzzAClientCannotBeSomebodyElse(f *testing.F) {
	for _, seed := range []string{
		"", "192.0.2.66", "10.0.0.9", "10.0.0.9, ", `for="`, `for=10.0.0.9;proto=https`, `for="\`, `for=10.0.0.9,`, "unknown", "[::1]:80", ";,=\"", "for=a;for=b",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	trusted, err := parseProxies("10.0.0.0/8")
	if err != nil {
		f.Fatal(err)
	}
	peer := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, sent string, rfc7239 bool) {
		h := http.Header{"X-Forwarded-For": {sent + ", 192.0.2.1, 10.0.0.2"}}
		if rfc7239 {
			// Proxies add a field or an element; only a field is safe from a quote that
			// is never closed, which is then nobody's word.
			h = http.Header{"Forwarded": {sent, "for=192.0.2.1;proto=https, for=10.0.0.2"}}
		}
		c := trusted.client(peer, hops(h))
		if c.addr.String() != "192.0.2.1" || rfc7239 && c.scheme != "https" {
			t.Errorf("%+v", c)
		}
		if rfc7239 {
			joined := trusted.client(peer, hops(http.Header{"Forwarded": {sent + ", for=192.0.2.1, for=10.0.0.2"}}))
			if a := joined.addr.String(); a != "192.0.2.1" && a != "10.0.0.1" && a != "10.0.0.2" {
				t.Errorf("one field: %+v", joined)
			}
		}
		// And alone, as it is, it is read without a crash into what can be passed on.
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded"} {
			for _, hop := range hops(http.Header{name: {sent}}) {
				if strings.ContainsAny(hop.host, " \r\n/@,\"") || hop.scheme != "" && hop.scheme != "http" && hop.scheme != "https" {
					t.Errorf("%s: %+v", name, hop)
				}
			}
		}
	})
}

func FuzzTrustedProxies(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8", "::1", "::ffff:10.0.0.1/104", "::/0", "fe80::1%eth0", "1.2.3.4/", "/8"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseProxies(text)
		if err != nil {
			return
		}
		for _, stranger := range []string{"1.2.3.4", "250.2.3.4", "2001:db8::1"} {
			// A range may have one of them, never all.
			if !p.contains(netip.MustParseAddr(stranger)) {
				return
			}
		}
		t.Errorf("%q has everyone", text)
	})
}
