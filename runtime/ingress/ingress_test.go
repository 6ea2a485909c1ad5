package ingress

import (
	"strings"
	"testing"

	"fnstore/runtime/ingress/ingresstest"
)

func TestIngress_BeyondLoopbackNeedsTLSOrAProxy(t *testing.T) {
	cert, key := ingresstest.Certificate(t, t.TempDir(), "store.example.com")
	for _, tt := range []struct {
		name   string
		config Config
		says   string // "" when it is allowed
	}{
		{"default", Config{}, ""},
		{"loopback", Config{Address: "::1"}, ""},
		{"all of loopback", Config{Address: "127.1.2.3"}, ""},
		{"open", Config{Address: "0.0.0.0"}, "--tls-cert"},
		{"open, IPv6", Config{Address: "::"}, "--trusted-proxies"},
		{"mapped", Config{Address: "::ffff:192.0.2.1"}, "--tls-cert"},
		{"open, TLS", Config{Address: "0.0.0.0", CertFile: cert, KeyFile: key}, ""},
		{"open, proxy", Config{Address: "0.0.0.0", TrustedProxies: "10.0.0.5"}, ""},
		{"open, no proxy named", Config{Address: "0.0.0.0", TrustedProxies: " ,"}, "--trusted-proxies"},
		{"name", Config{Address: "localhost"}, "not an IP address"},
		{"one file", Config{CertFile: cert}, "--tls-key"},
		{"other file", Config{KeyFile: key}, "--tls-cert"},
		{"no file", Config{CertFile: cert + "x", KeyFile: key}, "no such file"},
		{"files changed over", Config{CertFile: key, KeyFile: cert}, "tls.key"},
		{"no range", Config{TrustedProxies: "10.0.0.0/33"}, "10.0.0.0/33"},
		{"no address", Config{TrustedProxies: "10.0.0.1,proxy"}, `"proxy"`},
		{"everyone", Config{TrustedProxies: "0.0.0.0/0"}, "every address"},
		{"everyone, IPv6", Config{TrustedProxies: "::/0"}, "every address"},
		{"everyone, mapped", Config{TrustedProxies: "::ffff:0.0.0.0/96"}, "every address"},
	} {
		_, err := New(tt.config)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
}

func TestIngress_URLHasANameOfTheCertificate(t *testing.T) {
	for _, tt := range []struct {
		address string
		names   []string
		want    string
	}{
		{"127.0.0.1", nil, "http://127.0.0.1:"},
		{"::1", nil, "http://[::1]:"},
		{"127.0.0.1", []string{"store.example.com", "127.0.0.1"}, "https://127.0.0.1:"},
		{"0.0.0.0", []string{"store.example.com", "127.0.0.1"}, "https://127.0.0.1:"},
		{"0.0.0.0", []string{"store.example.com", "localhost"}, "https://localhost:"},
		{"0.0.0.0", []string{"*.example.com", "store.example.com"}, "https://store.example.com:"},
		{"0.0.0.0", []string{"192.0.2.7"}, "https://192.0.2.7:"},
		{"::", []string{"*.example.com"}, "https://[::1]:"},
	} {
		c := Config{Address: tt.address}
		if tt.names != nil {
			c.CertFile, c.KeyFile = ingresstest.Certificate(t, t.TempDir(), tt.names...)
		} else {
			c.TrustedProxies = "192.0.2.1"
		}
		in, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		l, err := in.Listen()
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if got := in.URL(l); !strings.HasPrefix(got, tt.want) || strings.HasSuffix(got, ":0") {
			t.Errorf("%s, %v: %s, want %s…", tt.address, tt.names, got, tt.want)
		}
		if got := in.Authority(); got != c.CertFile {
			t.Errorf("clients have to trust %q, want %q", got, c.CertFile)
		}
	}
}

func TestIngress_APortThatIsTakenIsSaidSo(t *testing.T) {
	in, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := in.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	in.port = int(addressPort(t, l.Addr().String()))
	if _, err := in.Listen(); err == nil || !strings.Contains(err.Error(), "listen on 127.0.0.1, port ") {
		t.Errorf("%v", err)
	}
}
