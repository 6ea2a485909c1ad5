package callback

import (
	"slices"
	"strings"
	"testing"

	"fnstore/kit/fault"
)

func hosts(t *testing.T, setting string) Hosts {
	t.Helper()
	h, err := ParseHosts(setting)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCheck_URLs(t *testing.T) {
	h := hosts(t, "hooks.example.com, nas.lan:8080+private, 192.168.1.5:9000+private, [2606:4700::1]:8443, 93.184.216.34")
	for url, code := range map[string]string{
		"https://hooks.example.com/x?y=1":                         "",
		"http://hooks.example.com":                                "",
		"HTTPS://HOOKS.example.COM:443/":                          "",
		"http://hooks.example.com:80/":                            "",
		"http://nas.lan:8080/hook":                                "",
		"https://nas.lan:8080/hook":                               "",
		"http://192.168.1.5:9000/":                                "",
		"https://[2606:4700::1]:8443/":                            "",
		"http://93.184.216.34/":                                   "",
		"https://hooks.example.com:8443/":                         "callback_not_allowed",
		"http://hooks.example.com:443/":                           "callback_not_allowed",
		"http://nas.lan/":                                         "callback_not_allowed",
		"http://evil.example/":                                    "callback_not_allowed",
		"http://sub.hooks.example.com/":                           "callback_not_allowed",
		"http://hooks.example.com.evil.com/":                      "callback_not_allowed",
		"http://localhost/":                                       "callback_not_allowed",
		"http://127.0.0.1:8080/":                                  "callback_not_allowed",
		"http://[::1]/":                                           "callback_not_allowed",
		"http://[::ffff:192.168.1.5]:9000/":                       "callback_not_allowed",
		"http://hooks.example.com@evil.com/":                      "bad_callback",
		"http://u:p@hooks.example.com/":                           "bad_callback",
		"http://hooks.example.com#@evil.com/":                     "bad_callback",
		"http://hooks.example.com/#":                              "bad_callback",
		"http://hooks.example.com\\@evil.com/":                    "bad_callback",
		"http://hooks.example.com./":                              "bad_callback",
		"http://hooks.example.com:/":                              "bad_callback",
		"http://hooks.example.com:0/":                             "bad_callback",
		"http://hooks.example.com:080/":                           "bad_callback",
		"http://hooks.example.com:65536/":                         "bad_callback",
		"http://hooks.example.com:80:90/":                         "bad_callback",
		"http://hooks.example.com /":                              "bad_callback",
		"http://hooks.example.com/\r\nX: y":                       "bad_callback",
		"http://hooks.example.com/\t":                             "bad_callback",
		"http://hooks%2eexample.com/":                             "bad_callback",
		"http://hooks.example.com/%zz":                            "bad_callback",
		"http://2130706433/":                                      "bad_callback",
		"http://0x7f000001/":                                      "bad_callback",
		"http://0177.0.0.1/":                                      "bad_callback",
		"http://127.1/":                                           "bad_callback",
		"http://0x7f.1/":                                          "bad_callback",
		"http://[fe80::1%25eth0]/":                                "bad_callback",
		"http://[2606:4700:0::1]:8443/":                           "bad_callback", // the same address, spelt otherwise
		"http://[::ffff:c0a8:105]:9000/":                          "bad_callback",
		"http://hooks。example。com/":                               "bad_callback",
		"http://ⓗooks.example.com/":                               "bad_callback",
		"http:hooks.example.com":                                  "bad_callback",
		"http:///x":                                               "bad_callback",
		"//hooks.example.com/":                                    "bad_callback",
		"hooks.example.com":                                       "bad_callback",
		"ftp://hooks.example.com/":                                "bad_callback",
		"file:///etc/passwd":                                      "bad_callback",
		"gopher://hooks.example.com/":                             "bad_callback",
		"unix:///run/x.sock":                                      "bad_callback",
		"":                                                        "bad_callback",
		"http://" + strings.Repeat("a.", 200) + "com/":            "bad_callback",
		"http://hooks.example.com/" + strings.Repeat("a", maxURL): "bad_callback",
	} {
		err := h.Check(url)
		if code == "" && err != nil || code != "" && (err == nil || fault.Of(err).Code != code || fault.Of(err).Kind != fault.Invalid) {
			t.Errorf("%.80q: %v, want %q", url, err, code)
		}
	}
	if (Hosts{}).Check("https://hooks.example.com/") == nil {
		t.Error("no list allows a host")
	}
}

func TestParseHosts_Refused(t *testing.T) {
	for _, setting := range []string{"*", "*.example.com", "http://x.example", "x.example/path", "x.example:", "x.example:0", "x.example:99999", "x.example+private",
		"127.1:80", "0x7f000001", "2130706433", "::1", "[::1", "[::1]x", "[127.0.0.1]:80", "a b", "u@x.example", "x.example.", "[fe80::1%eth0]:80", "nas:8080+public"} {
		if _, err := ParseHosts(setting); err == nil {
			t.Errorf("%q is taken", setting)
		}
	}
	h := hosts(t, " A.example ,, b.example:8080+private,b.example:443 ")
	want := []string{"callback:http://a.example", "callback:http://b.example:443", "callback:http://b.example:8080",
		"callback:https://a.example", "callback:https://b.example", "callback:https://b.example:8080"}
	if got := h.Functions(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A URL that is taken is the same after it went through the queue.
func FuzzParse(f *testing.F) {
	f.Add("https://hooks.example.com:8443/a%2Fb?c=d")
	f.Add("http://[2606:4700::1]")
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := parse(raw)
		if err != nil {
			return
		}
		b, err := parse(strings.TrimPrefix(a.function(), Prefix) + a.path)
		if err != nil || a != b {
			t.Errorf("%q: %+v, then %+v %v", raw, a, b, err)
		}
	})
}
