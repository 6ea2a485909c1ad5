package ingress

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fnstore/runtime/ingress/ingresstest"
)

// seen is the client that a handler sees: address, scheme, host.
func seen(t *testing.T, c Config, peer string, header http.Header) (says string, status int) {
	t.Helper()
	in, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	h := in.withClients(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		says = strings.Join([]string{addressOf(r.RemoteAddr).String(), Scheme(r), r.Host}, " ")
	}))
	r := httptest.NewRequest("GET", "http://gateway:8080/function/hello", nil)
	r.RemoteAddr, r.Header = peer, header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return says, w.Code
}

func TestClient_ForwardedHeadersAreTakenFromTrustedProxiesAlone(t *testing.T) {
	two := "10.0.0.0/8, 2001:db8:1::/48,::ffff:172.16.0.0/108"
	x := func(name string, values ...string) http.Header { return http.Header{"X-Forwarded-" + name: values} }
	all := func(addr, proto, host string) http.Header {
		return http.Header{"X-Forwarded-For": {addr}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}}
	}
	for _, tt := range []struct {
		name, peer string
		header     http.Header
		want       string
	}{
		{"nothing said", "10.0.0.1:80", nil, "10.0.0.1 http gateway:8080"},
		{"all said", "10.0.0.1:80", all("192.0.2.1", "https", "shop.example.com"), "192.0.2.1 https shop.example.com"},
		{"by a stranger", "192.0.2.9:80", all("192.0.2.1", "https", "shop.example.com"), "192.0.2.9 http gateway:8080"},
		{"by a stranger, RFC 7239", "192.0.2.9:80", http.Header{"Forwarded": {"for=192.0.2.1;proto=https"}}, "192.0.2.9 http gateway:8080"},
		{"by a neighbour", "11.0.0.1:80", all("192.0.2.1", "https", "shop.example.com"), "11.0.0.1 http gateway:8080"},
		{"by this machine", "127.0.0.1:80", x("For", "192.0.2.1"), "127.0.0.1 http gateway:8080"},
		{"IPv6", "[2001:db8:1::5]:80", x("For", "2001:db8:2::1"), "2001:db8:2::1 http gateway:8080"},
		{"a proxy with a zone", "[2001:db8:1::5%eth0]:80", x("For", "192.0.2.1"), "192.0.2.1 http gateway:8080"},
		{"a mapped proxy", "[::ffff:10.0.0.1]:80", x("For", "::ffff:192.0.2.1"), "192.0.2.1 http gateway:8080"},
		{"a mapped range", "172.16.3.4:80", x("For", "192.0.2.1"), "192.0.2.1 http gateway:8080"},

		{"the rightmost that is not trusted", "10.0.0.1:80", x("For", "127.0.0.1, 192.0.2.66, 192.0.2.1, 10.9.9.9, 10.0.0.2"), "192.0.2.1 http gateway:8080"},
		{"more than one field", "10.0.0.1:80", x("For", "192.0.2.66", "192.0.2.1,10.9.9.9", "10.0.0.2"), "192.0.2.1 http gateway:8080"},
		{"all trusted", "10.0.0.1:80", x("For", "10.1.1.1, 10.0.0.2"), "10.1.1.1 http gateway:8080"},
		{"with ports", "10.0.0.1:80", x("For", "[2001:db8:2::1]:4711, 10.0.0.2:99"), "2001:db8:2::1 http gateway:8080"},
		{"brackets", "10.0.0.1:80", x("For", "[2001:db8:2::1]"), "2001:db8:2::1 http gateway:8080"},
		{"unknown stops", "10.0.0.1:80", x("For", "192.0.2.66, unknown, 10.0.0.2"), "10.0.0.2 http gateway:8080"},
		{"empty", "10.0.0.1:80", x("For", ""), "10.0.0.1 http gateway:8080"},
		{"empty places", "10.0.0.1:80", x("For", "192.0.2.66,,"), "10.0.0.1 http gateway:8080"},
		{"nonsense", "10.0.0.1:80", x("For", "192.0.2.1/24"), "10.0.0.1 http gateway:8080"},
		{"octal", "10.0.0.1:80", x("For", "192.0.2.01"), "10.0.0.1 http gateway:8080"},

		{"scheme alone", "10.0.0.1:80", x("Proto", "HTTPS"), "10.0.0.1 https gateway:8080"},
		{"WebSocket", "10.0.0.1:80", x("Proto", "wss"), "10.0.0.1 https gateway:8080"},
		{"no scheme", "10.0.0.1:80", x("Proto", "javascript"), "10.0.0.1 http gateway:8080"},
		{"the scheme of the hop", "10.0.0.1:80", all("192.0.2.66, 192.0.2.1, 10.0.0.2", "http, https, http", "x"), "192.0.2.1 https x"},
		{"one scheme for all", "10.0.0.1:80", all("192.0.2.1, 10.0.0.2", "https", "x"), "192.0.2.1 https x"},
		{"a client's own scheme", "10.0.0.1:80", all("192.0.2.66, 192.0.2.1", "https, http", "x, y"), "192.0.2.1 http y"},
		{"host with port", "10.0.0.1:80", x("Host", "shop.example.com:8443"), "10.0.0.1 http shop.example.com:8443"},
		{"host, IPv6", "10.0.0.1:80", x("Host", "[2001:db8::1]:80"), "10.0.0.1 http [2001:db8::1]:80"},
		{"no host", "10.0.0.1:80", x("Host", "shop.example.com/path"), "10.0.0.1 http gateway:8080"},
		{"a host with a name and password", "10.0.0.1:80", x("Host", "a@shop.example.com"), "10.0.0.1 http gateway:8080"},
		{"a host that is too long", "10.0.0.1:80", x("Host", strings.Repeat("a", 1000)), "10.0.0.1 http gateway:8080"},

		{"RFC 7239", "10.0.0.1:80", http.Header{"Forwarded": {`for=192.0.2.66, For="[2001:db8:2::1]:4711";Proto=https;host="shop.example.com:8443";by=_us, for=10.0.0.2;proto=http`}},
			"2001:db8:2::1 https shop.example.com:8443"},
		{"RFC 7239, hidden", "10.0.0.1:80", http.Header{"Forwarded": {"for=192.0.2.66, for=_gazonk;proto=https"}}, "10.0.0.1 https gateway:8080"},
		{"RFC 7239, a client's broken field", "10.0.0.1:80", http.Header{"Forwarded": {`for="192.0.2.66`, "for=192.0.2.1"}}, "192.0.2.1 http gateway:8080"},
		{"RFC 7239, a client's broken half", "10.0.0.1:80", http.Header{"Forwarded": {`for="192.0.2.66, for=192.0.2.1`}}, "10.0.0.1 http gateway:8080"},
		{"RFC 7239, twice", "10.0.0.1:80", http.Header{"Forwarded": {"for=192.0.2.1;for=192.0.2.2"}}, "10.0.0.1 http gateway:8080"},
		{"a client's Forwarded beside the proxy's own", "10.0.0.1:80", http.Header{"Forwarded": {"for=192.0.2.66;host=evil"}, "X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.1 http gateway:8080"},
		{"folded names", "10.0.0.1:80", http.Header{"X_forwarded_for": {"192.0.2.1"}}, "10.0.0.1 http gateway:8080"},
	} {
		if got, _ := seen(t, Config{TrustedProxies: two}, tt.peer, tt.header); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if got, _ := seen(t, Config{}, "127.0.0.1:80", all("192.0.2.1", "https", "shop.example.com")); got != "127.0.0.1 http gateway:8080" {
		t.Errorf("nobody is trusted, and: %s", got)
	}
}

// A plain port that is open for a proxy is open for nobody else.
func TestClient_APlainPortServesItsProxyAlone(t *testing.T) {
	open := Config{Address: "0.0.0.0", TrustedProxies: "10.0.0.5"}
	for peer, want := range map[string]int{"10.0.0.5:1": 200, "127.0.0.1:1": 200, "10.0.0.6:1": 403, "192.0.2.1:1": 403, "[2001:db8::1]:1": 403, "": 403} {
		says, status := seen(t, open, peer, http.Header{"X-Forwarded-For": {"10.0.0.5"}, "X-Call-Id": {"<script>"}})
		if status != want || (says != "") != (want == 200) {
			t.Errorf("from %s: %d, %s", peer, status, says)
		}
	}
	open.CertFile, open.KeyFile = ingresstest.Certificate(t, t.TempDir(), "localhost")
	if _, status := seen(t, open, "192.0.2.1:1", nil); status != 200 {
		t.Errorf("with a certificate: %d", status)
	}
}
