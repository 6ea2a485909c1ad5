package objects

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestAddress_Hosts(t *testing.T) {
	d, err := newDomains([]string{"Example.com", "s3.example.com."})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"127.0.0.1": "-", "127.0.0.1:9000": "-", "[::1]:9000": "-", "::1": "-", "[::1]": "-", "localhost": "-", "LOCALHOST:9000": "-", "localhost.": "-",
		"example.com": "-", "s3.example.com:80": "-",
		"b.localhost": "b", "b.localhost:9000": "b", "B.LocalHost": "b", "a.b.localhost": "a.b",
		"b.example.com": "b", "b.s3.example.com": "b", "a.s3.example.com": "a",
		"": "!", ":9000": "!", ".localhost": "!", "h3c": "!", "store": "!", "example.org": "!", "example.com.evil": "!", "notexample.com": "!", "1.2.3.4.5": "!",
	} {
		bucket, virtual, err := d.bucketOf(host)
		got := bucket
		switch {
		case err != nil:
			got = "!"
		case !virtual:
			got = "-"
		}
		if got != want {
			t.Errorf("host %q: %q, want %q (%v)", host, got, want, err)
		}
	}
	for _, name := range []string{"", "10.0.0.1", "host:9000", "*.example.com", "http://example.com", ".example.com"} {
		if _, err := newDomains([]string{name}); err == nil {
			t.Errorf("the domain %q is accepted", name)
		}
	}
}

// TestAddress_VirtualHost is the case of a client that puts the bucket into the
// host: `PUT /h3js` to h3c.localhost is a key, and never a bucket.
func TestAddress_VirtualHost(t *testing.T) {
	s := openStore(t, withKey, func(c *Config) { c.Domains = []string{"s3.example.com"} })
	h := s.Handler()
	for _, name := range []string{"h3c", "empty"} {
		if err := s.MakeBucket(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		host, method, path string
		status             int
		holds              string
	}{
		{"h3c.localhost:9000", "PUT", "/h3js", 200, ""},
		{"h3c.s3.example.com", "PUT", "//lead/../é%20+", 200, ""},
		{"h3c.localhost", "GET", "/?list-type=2", 200, "<Key>h3js</Key>"},
		{"h3c.localhost", "GET", "/?list-type=2", 200, "<Key>/lead/../é +</Key>"},
		{"h3c.localhost", "GET", "/h3js", 200, "body"},
		{"127.0.0.1:9000", "GET", "/h3c//lead/../é%20+", 200, "body"},
		{"localhost", "GET", "/", 200, "<Name>empty</Name>"},
		{"s3.example.com", "GET", "/h3c/h3js", 200, "body"},
		{"h3c.localhost", "DELETE", "/empty", 204, ""}, // a key named like an empty bucket
		{"h3c.localhost", "DELETE", "/", 409, "BucketNotEmpty"},
		{"none.localhost", "PUT", "/k", 404, "NoSuchBucket"},
		{"no_bucket.localhost", "PUT", "/k", 400, "InvalidBucketName"},
		{"fresh.localhost", "PUT", "/", 200, ""},
		{"fresh.localhost", "DELETE", "/", 204, ""},
		{"h3c.elsewhere", "PUT", "/k", 400, "FNSTORE_S3_DOMAIN"},
		{"h3c", "PUT", "/k", 400, "FNSTORE_S3_DOMAIN"},
	} {
		w := answerOf(t, h, c.host, c.method, c.path, "body")
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.holds) {
			t.Errorf("%s %s to %s: %d %s", c.method, c.path, c.host, w.Code, w.Body)
		}
	}
	list, err := s.buckets(t.Context())
	if err != nil || !slices.EqualFunc(list, []string{"box", "empty", "h3c"}, func(b bucket, name string) bool { return b.Name == name }) {
		t.Errorf("buckets %+v, %v", list, err)
	}
}

// FuzzAddress holds that what a host and a path say together is said again by
// the path that the front gets.
func FuzzAddress(f *testing.F) {
	f.Add("127.0.0.1:9000", "/b/k")
	f.Add("b.localhost", "//lead")
	f.Add("[::1]", "/b/x/../y")
	f.Add("evil\xff.localhost", "/\x00")
	d, err := newDomains([]string{"example.com"})
	if err != nil {
		f.Fatal(err)
	}
	s := &Store{domains: d}
	f.Fuzz(func(t *testing.T, host, path string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.URL.Path = host, path
		a, err := s.addressOf(r)
		if err != nil {
			return
		}
		r.Host, r.URL.Path = "127.0.0.1", a.path()
		if again, err := s.addressOf(r); err != nil || again != a {
			t.Fatalf("%q %q is %q, and then %q, %v", host, path, a, again, err)
		}
	})
}
