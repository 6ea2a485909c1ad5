package function

import (
	"fmt"
	"strings"
)

// settings are the function's environment, checked.
type settings struct {
	sources []source // thumbnail_sources, default "uploads"
	output  string   // thumbnail_bucket, default "thumbnails"
}

// source is a bucket, or the keys in it that begin with a prefix.
type source struct{ bucket, prefix string }

func read(getenv func(string) string) (settings, error) {
	or := func(name, standard string) string {
		if v := strings.TrimSpace(getenv(name)); v != "" {
			return v
		}
		return standard
	}
	s := settings{output: or("thumbnail_bucket", "thumbnails")}
	if strings.ContainsRune(s.output, '/') {
		return s, fmt.Errorf("thumbnail_bucket %q: a bucket's name has no slash", s.output)
	}
	for _, item := range strings.Split(or("thumbnail_sources", "uploads"), ",") {
		bucket, prefix, _ := strings.Cut(strings.TrimSpace(item), "/")
		if bucket == "" {
			return s, fmt.Errorf("thumbnail_sources %q: an item has no bucket", item)
		}
		s.sources = append(s.sources, source{bucket, prefix})
	}
	return s, nil
}

// watches reports whether thumbnails are wanted of an object.
func (s settings) watches(bucket, key string) bool {
	for _, src := range s.sources {
		if bucket == src.bucket && strings.HasPrefix(key, src.prefix) {
			return true
		}
	}
	return false
}

// storeSecret names the mounted URL of the object store.
const storeSecret = "thumbnail-s3"
