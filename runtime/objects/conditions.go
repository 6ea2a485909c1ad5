package objects

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// conditions reads what a write depends on (RFC 9110 section 13.1; Amazon S3,
// "Conditional requests"). They are decided while the key is locked, so of
// many that race one wins. nil without any.
func conditions(r *http.Request) condition {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	since, size := r.Header.Get("X-Amz-If-Match-Last-Modified-Time"), r.Header.Get("X-Amz-If-Match-Size")
	if r.Method == http.MethodDelete {
		return ifRemovable(match, since, size)
	}
	if match == "" && none == "" {
		return nil
	}
	return func(old *object) error {
		switch {
		case match != "" && old == nil:
			return errNoSuchKey
		case match != "" && !etagMatches(match, old.ETag()), none != "" && old != nil && etagMatches(none, old.ETag()):
			return errPrecondition
		}
		return nil
	}
}

// ifRemovable is what the removal of an object depends on; what is "" does not
// matter. nil without any. Removing nothing does no harm.
func ifRemovable(match, since, size string) condition {
	if match == "" && since == "" && size == "" {
		return nil
	}
	return func(old *object) error {
		if old == nil {
			return nil
		}
		if match != "" && !etagMatches(match, old.ETag()) || since != "" && !modifiedAt(since, old.Modified) ||
			size != "" && size != strconv.FormatInt(old.Size, 10) {
			return errPrecondition
		}
		return nil
	}
}

// etagMatches reports whether a list of entity tags, or "*", covers etag.
func etagMatches(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || strings.Trim(tag, `"`) == etag {
			return true
		}
	}
	return false
}

// modifiedAt compares with a date of HTTP or ISO 8601, to the second.
func modifiedAt(date string, at time.Time) bool {
	t, err := http.ParseTime(date)
	if err != nil {
		t, err = time.Parse(time.RFC3339Nano, date)
	}
	return err == nil && t.Truncate(time.Second).Equal(at.Truncate(time.Second))
}
