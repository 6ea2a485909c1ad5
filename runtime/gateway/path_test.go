package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"fnstore/kit/wire"
)

func TestPaths_ArriveByteForByte(t *testing.T) {
	r := open(t, echo)
	for sent, want := range map[string]string{
		"/function/echo":                    "/",
		"/function/echo/":                   "/",
		"/function/echo?":                   "/?",
		"/function/echo?a=1&b=%2F":          "/?a=1&b=%2F",
		"/function/echo/a/b/":               "/a/b/",
		"/function/echo/a%2Fb/c%20d":        "/a%2Fb/c%20d",
		"/function/echo//a//b":              "//a//b",
		"/function/echo/caf\xc3\xa9":        "/caf\xc3\xa9",
		"/function/echo/%C3%A9+x;y=1,z":     "/%C3%A9+x;y=1,z",
		"/function/echo.openfaas-fn/x":      "/x",
		"/function/echo/a?redirect=../../b": "/a?redirect=../../b",
		"/function/echo/a|b^c{d}":           "/a|b^c{d}",
		"/function/echo/...":                "/...",
		"/function/echo/.well-known/x":      "/.well-known/x",
	} {
		res, body := r.raw(t, "GET "+sent+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		var s seen
		if res.StatusCode != 200 || json.Unmarshal([]byte(body), &s) != nil || s.URI != want {
			t.Errorf("%q: %d, the function saw %q, want %q", sent, res.StatusCode, s.URI, want)
		}
	}
}

func TestPaths_ThatReadersDifferOnAreRefused(t *testing.T) {
	r := open(t, func(_ http.ResponseWriter, req *http.Request) { t.Errorf("%q reached the function", req.RequestURI) })
	for _, path := range []string{
		"/function/echo/..", "/function/echo/../x", "/function/echo/%2e%2e/x", "/function/echo/.%2E", "/function/echo/a/./b",
		"/function/echo/%2e", "/function/../system/functions", "/function/echo/..%2fx", "/function/echo/..%5cx", "/function/echo/..;x=1/y",
		"/function/echo/%00", "/function/echo/%0d%0aX:1", "/function/echo/%7f", "/function/%2e%2e/system/functions", "/function/echo/a%2f..%2fb",
		"/function/echo/%1f", "/x/..", "/function/..",
	} {
		if res, body := r.raw(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); res.StatusCode != 400 {
			t.Errorf("%q: %d %s", path, res.StatusCode, body)
		}
	}
	for _, path := range []string{"/function/echo/%", "/function/echo/%2", "/function/echo/%zz", "/function/echo/a b"} {
		if res, _ := r.raw(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); res.StatusCode != 400 {
			t.Errorf("%q: %d", path, res.StatusCode)
		}
	}
}

func TestPath_NamesThatAreNoneFindNothing(t *testing.T) {
	r := open(t, func(_ http.ResponseWriter, req *http.Request) { t.Errorf("%q reached the function", req.RequestURI) })
	for _, path := range []string{
		"/function/nope", "/function/Echo", "/function/echo.other", "/function/echo.openfaas-fn.x", "/function/ech%6f", "/function/-echo",
		"/function/echo_", "/Function/echo", "/functionecho", "/function", "//function/echo", "/function//echo",
		"/function/" + strings.Repeat("a", 64), "/async-functions/echo", "/nope",
	} {
		res, _ := r.raw(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		if res.StatusCode != 404 && !(path == "/function//echo" && res.StatusCode == 400) {
			t.Errorf("%q: %d", path, res.StatusCode)
		}
		if res.Header.Get(wire.CallID) == "" {
			t.Errorf("%q: no call id", path)
		}
	}
}

// Whatever the path, the answer is the function's or one of ours, and what
// passes arrives as it was sent.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/function/echo/a", "/function/echo/%2e%2e", "//", "/function/echo?x", "/system/functions", "/%", "/function/echo/\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if checkPath(raw) != nil {
			return
		}
		for segment := range strings.SplitSeq(raw, "/") {
			d, err := url.PathUnescape(segment)
			if err != nil || d == "." || d == ".." || strings.ContainsRune(d, 0) {
				t.Errorf("%q passed", raw)
			}
		}
		rest, ok := strings.CutPrefix(raw, "/function/")
		if !ok {
			return
		}
		name, path, err := target(rest)
		if err != nil {
			return
		}
		if !functionName(name) || !strings.HasPrefix(path, "/") {
			t.Errorf("%q: %q %q", raw, name, path)
		}
		u := &url.URL{Scheme: "http", Host: "function"}
		setPath(u, path)
		if strings.ContainsAny(path, "?#") {
			return // cannot be in a request line's path
		}
		if got := u.RequestURI(); !strings.HasPrefix(path, "//") && got != path {
			t.Errorf("%q is sent as %q", path, got)
		}
	})
}
