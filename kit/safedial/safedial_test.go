package safedial

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// Whatever a name resolves to, these are the addresses that are dialled.
func TestCheck_AddressTable(t *testing.T) {
	const (
		public  = "public"  // always
		site    = "site"    // with the mark alone
		refused = "refused" // never
	)
	for _, c := range []struct{ address, want string }{
		{"8.8.8.8", public}, {"1.1.1.1", public}, {"172.15.255.255", public}, {"172.32.0.1", public}, {"100.63.255.255", public},
		{"100.128.0.1", public}, {"11.0.0.1", public}, {"223.255.255.255", public}, {"192.167.255.255", public},
		{"2606:4700:4700::1111", public}, {"2a00:1450:4001:82a::200e", public}, {"2001:4860:4860::8888", public},
		{"::ffff:8.8.8.8", public},

		{"127.0.0.1", site}, {"127.0.0.2", site}, {"127.255.255.255", site}, {"::1", site},
		{"10.0.0.1", site}, {"10.255.255.255", site}, {"172.16.0.1", site}, {"172.31.255.255", site}, {"192.168.1.1", site},
		{"100.64.0.1", site}, {"100.127.255.255", site}, {"fc00::1", site}, {"fd12:3456:789a::1", site},
		{"::ffff:127.0.0.1", site}, {"::ffff:10.0.0.1", site}, {"::ffff:192.168.0.1", site}, {"::ffff:7f00:1", site},

		{"0.0.0.0", refused}, {"0.1.2.3", refused}, {"::", refused},
		{"169.254.169.254", refused}, {"169.254.0.1", refused}, {"::ffff:169.254.169.254", refused}, {"::ffff:0.0.0.0", refused},
		{"fe80::1", refused}, {"fe80::1%eth0", refused}, {"febf::1", refused}, {"fec0::1", refused},
		{"100.100.100.200", refused}, {"fd00:ec2::254", refused}, {"192.0.0.192", refused},
		{"224.0.0.1", refused}, {"239.255.255.255", refused}, {"ff02::1", refused}, {"ff0e::1", refused},
		{"255.255.255.255", refused}, {"240.0.0.1", refused},
		{"192.0.2.1", refused}, {"198.51.100.1", refused}, {"203.0.113.1", refused}, {"198.18.0.1", refused}, {"2001:db8::1", refused}, {"3fff::1", refused},
		{"192.88.99.1", refused}, {"2002:7f00:1::", refused}, {"2002:a00:1::1", refused}, {"2002:808:808::1", refused}, // 6to4
		{"64:ff9b::7f00:1", refused}, {"64:ff9b::808:808", refused}, {"64:ff9b:1::a00:1", refused}, // NAT64
		{"2001:0:4136:e378:8000:63bf:80ff:fffe", refused}, {"2001::1", refused}, // Teredo
		{"2a00:1450::5efe:a00:1", refused}, {"2a00:1450::200:5efe:7f00:1", refused}, {"fe80::5efe:a00:1", refused}, // ISATAP
		{"::7f00:1", refused}, {"::a00:1", refused}, // IPv4-compatible
		{"::ffff:0:7f00:1", refused}, // IPv4-translated, RFC 2765
		{"100::1", refused}, {"5f00::1", refused}, {"4000::1", refused}, {"e000::1", refused},
	} {
		a := netip.MustParseAddr(c.address)
		plain, marked := Check(a, false) == nil, Check(a, true) == nil
		want := map[string][2]bool{public: {true, true}, site: {false, true}, refused: {false, false}}[c.want]
		if plain != want[0] || marked != want[1] {
			t.Errorf("%s: allowed %v, with the mark %v; it is %s", c.address, plain, marked, c.want)
		}
	}
}

// What is refused is refused when it is dialled, by whatever name.
func TestDialer_RefusesWhenItDials(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost"} {
		var refused RefusedError
		if _, err := Dialer(false).DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); !errors.As(err, &refused) || !errors.Is(err, ErrPrivate) {
			t.Errorf("%s: %v", host, err)
		}
		c, err := Dialer(true).DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Errorf("%s, allowed: %v", host, err)
			continue
		}
		_ = c.Close()
	}
}
