package caller

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"fnstore/kit/fault"
)

const (
	key   = "0123456789abcdef0123456789abcdef"
	other = "fedcba9876543210fedcba9876543210"
	body  = `{"Records":[]}`
)

// mount makes the folder of secrets: names and values by turns.
func mount(t *testing.T, kv ...string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("secret_mount_path", dir)
	for i := 0; i < len(kv); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, kv[i]), []byte(kv[i+1]+"\n"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
}

// signed is a call as delivery makes it.
func signed(with string, at time.Time) *http.Request {
	r := httptest.NewRequest("POST", "/a%2Fb?q=1", strings.NewReader(body))
	r.Header.Set("X-Call-Id", "call-1")
	Sign(r.Header, with, "POST", "/a%2Fb?q=1", []byte(body), at)
	return r
}

func kind(err error) fault.Kind {
	if err == nil {
		return -1
	}
	return fault.Of(err).Kind
}

func TestCaller_SignedCallIsAcceptedAndItsBodyKept(t *testing.T) {
	mount(t, Secret, key)
	r := signed(key, time.Now())
	if err := Verify(r, int64(len(body))); err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(r.Body); string(b) != body {
		t.Errorf("the handler would read %q", b)
	}
}

func TestCaller_BothKeysHoldWhileRotating(t *testing.T) {
	mount(t, Secret, other, Previous, key)
	for _, k := range []string{key, other} {
		if err := Verify(signed(k, time.Now()), 1<<20); err != nil {
			t.Error(err)
		}
	}
	mount(t, Secret, other)
	if err := Verify(signed(key, time.Now()), 1<<20); kind(err) != fault.Unauthorized {
		t.Errorf("the old key after rotation: %v", err)
	}
}

func TestCaller_TamperedCallsAreRefused(t *testing.T) {
	mount(t, Secret, key)
	for name, change := range map[string]func(*http.Request){
		"unsigned":     func(r *http.Request) { r.Header.Del(Header) },
		"twice":        func(r *http.Request) { r.Header.Add(Header, r.Header.Get(Header)) },
		"method":       func(r *http.Request) { r.Method = "PUT" },
		"path":         func(r *http.Request) { r.RequestURI = "/refund" },
		"decoded path": func(r *http.Request) { r.RequestURI = r.URL.Path },
		"query":        func(r *http.Request) { r.RequestURI += "?op=refund" },
		"call id":      func(r *http.Request) { r.Header.Set("X-Call-Id", "call-2") },
		"no call id":   func(r *http.Request) { r.Header.Del("X-Call-Id") },
		"body":         func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(body + " ")) },
		"no body":      func(r *http.Request) { r.Body = http.NoBody },
		"time": func(r *http.Request) {
			r.Header.Set(Header, strings.Replace(r.Header.Get(Header), "t=", "t=+", 1))
		},
		"later time": func(r *http.Request) {
			_, v1, _ := strings.Cut(r.Header.Get(Header), ",")
			r.Header.Set(Header, "t="+strconv.FormatInt(time.Now().Unix()+60, 10)+","+v1)
		},
		"cut short": func(r *http.Request) { r.Header.Set(Header, r.Header.Get(Header)[:20]) },
		"no mac": func(r *http.Request) {
			h, _, _ := strings.Cut(r.Header.Get(Header), "v1=")
			r.Header.Set(Header, h+"v1=")
		},
		"trailing": func(r *http.Request) { r.Header.Set(Header, r.Header.Get(Header)+",v1=00") },
	} {
		r := signed(key, time.Now())
		change(r)
		if err := Verify(r, 1<<20); kind(err) != fault.Unauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Verify(signed(other, time.Now()), 1<<20); kind(err) != fault.Unauthorized {
		t.Errorf("another key: %v", err)
	}
}

func TestCaller_TimeMustBeNear(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for off, ok := range map[time.Duration]bool{
		0: true, Tolerance: true, -Tolerance: true, Tolerance + time.Second: false, -Tolerance - time.Second: false,
	} {
		if err := check(signed(key, now.Add(off)), []string{key}, []byte(body), now); (err == nil) != ok {
			t.Errorf("%v away: %v", off, err)
		}
	}
	for _, at := range []int64{0, -1 << 63, 1<<63 - 1} {
		if err := check(signed(key, time.Unix(at, 0)), []string{key}, []byte(body), now); err == nil {
			t.Errorf("t=%d holds", at)
		}
	}
}

func TestCaller_KeysThatCannotServe(t *testing.T) {
	for name, kv := range map[string][]string{
		"none mounted": nil, "too short": {Secret, key[1:]}, "previous too short": {Secret, key, Previous, "short"},
	} {
		mount(t, kv...)
		if err := Verify(signed(key, time.Now()), 1<<20); kind(err) != fault.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCaller_BodyOverTheLimit(t *testing.T) {
	mount(t, Secret, key)
	if err := Verify(signed(key, time.Now()), int64(len(body))-1); kind(err) != fault.TooLarge {
		t.Error(err)
	}
}

// The caller learns that there was no proof, and nothing about why.
func TestCaller_RefusalsSayTheSame(t *testing.T) {
	mount(t, Secret, key)
	unsigned := signed(key, time.Now())
	unsigned.Header.Del(Header)
	forged := signed(other, time.Now())
	a, b := fault.Of(Verify(unsigned, 1<<20)), fault.Of(Verify(forged, 1<<20))
	if a.Detail != b.Detail || a.Code != b.Code || strings.Contains(a.Detail, key) {
		t.Errorf("%+v and %+v", a, b)
	}
}

func FuzzCheck(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	good := signed(key, now).Header.Get(Header)
	f.Add(good)
	f.Add("t=,v1=")
	f.Add("t=1800000000,v1=zz")
	f.Add("v1=00,t=1800000000")
	f.Fuzz(func(t *testing.T, header string) {
		r := signed(key, now)
		r.Header[Header] = []string{header}
		err := check(r, []string{key}, []byte(body), now)
		if err == nil && !strings.EqualFold(header, good) {
			t.Errorf("%q holds", header)
		}
	})
}

func TestCaller_TargetIsWhatTheFunctionSees(t *testing.T) {
	for path, want := range map[string]string{
		"/function/f": "/", "/function/f/": "/", "/function/f?a=b": "/?a=b", "/function/f/a%2Fb?c": "/a%2Fb?c", "/function/f//x": "//x",
	} {
		u, err := url.Parse("http://127.0.0.1:8080" + path)
		if err != nil {
			t.Fatal(err)
		}
		if got := Target(u); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
