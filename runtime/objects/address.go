package objects

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rclone/gofakes3"
)

// loopbackDomain is served in virtual-host style without a setting.
const loopbackDomain = "localhost"

// domains are the names under which buckets are addressed as BUCKET.name
// (Amazon S3, "Virtual hosting of buckets"), the longest first.
type domains []string

func newDomains(names []string) (domains, error) {
	list := domains{loopbackDomain}
	for _, name := range names {
		name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
		if name == "" || strings.ContainsAny(name, ":/*@[] ") || strings.HasPrefix(name, ".") || isIP(name) {
			return nil, fmt.Errorf("S3 domain %q: want a host name without a port, such as s3.example.com", name)
		}
		list = append(list, name)
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return list, nil
}

// bucketOf reads a Host header. An IP address and a domain itself are path
// style: the bucket is in the path. BUCKET.domain is virtual-host style. Any
// other name is refused, since to guess would be to serve another bucket.
func (d domains) bucketOf(host string) (bucket string, virtual bool, err error) {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if isIP(name) || slices.Contains(d, name) {
		return "", false, nil
	}
	for _, domain := range d {
		if bucket, ok := strings.CutSuffix(name, "."+domain); ok && bucket != "" {
			return bucket, true, nil
		}
	}
	return "", false, refuse(http.StatusBadRequest, "InvalidRequest",
		"the host %.100q is neither an IP address nor a name that is served here (setting FNSTORE_S3_DOMAIN)", host)
}

func isIP(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// address is what a request is about: a bucket and a key, a bucket alone, or
// neither.
type address struct{ bucket, key string }

// addressOf reads a request's address from its host and path.
func (s *Store) addressOf(r *http.Request) (a address, err error) {
	bucket, virtual, err := s.domains.bucketOf(r.Host)
	if err != nil {
		return a, err
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/")
	if !ok || !utf8.ValidString(bucket+path) || strings.ContainsRune(path, 0) {
		return a, errInvalidKey
	}
	if virtual {
		a = address{bucket, path}
	} else {
		a.bucket, a.key, _ = strings.Cut(path, "/")
	}
	switch {
	case a.bucket == "" && a.key != "":
		return a, errInvalidKey
	case len(a.key) > maxKey:
		return a, errKeyTooLong
	case virtual && gofakes3.ValidateBucketName(a.bucket) != nil:
		return a, refuse(http.StatusBadRequest, "InvalidBucketName", "%.100q cannot name a bucket", a.bucket)
	}
	return a, nil
}

// path is the address in path style, as the front reads it.
func (a address) path() string {
	if a.key == "" {
		return "/" + a.bucket
	}
	return "/" + a.bucket + "/" + a.key
}
