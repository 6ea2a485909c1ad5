package function

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	"fnstore/kit/fault"
)

const (
	maxEvent   = 1 << 20 // bytes of a notification; S3's own are a few KiB
	maxRecords = 100
	maxKey     = 1024 // bytes of an object's name, S3's limit
)

// notification is what is read of an S3 event notification (AWS: Event message
// structure, 2.x; MinIO sends the same with members of its own).
type notification struct {
	Event   string // "s3:TestEvent" when AWS tries the destination
	Records []struct {
		EventName string
		S3        struct {
			Bucket struct{ Name string }
			Object struct{ Key, ETag string }
		}
	}
}

// record is one object that something happened to.
type record struct {
	created     bool // else removed, restored, tagged, ...
	bucket, key string
	etag        string // of the object the event speaks of; may be empty
	hops        string // functions that had followed one another up to this call; may be empty
}

// parse reads a notification. A test event has no records, and that is fine.
func parse(body []byte) ([]record, error) {
	var n notification
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, badEvent("the body is not an S3 event: %s", err)
	}
	if n.Event == "s3:TestEvent" {
		return nil, nil
	}
	if len(n.Records) == 0 {
		return nil, badEvent("the S3 event has no Records")
	}
	if len(n.Records) > maxRecords {
		return nil, fault.New(fault.TooLarge, "too_many_records", "the S3 event has %d records; the limit is %d", len(n.Records), maxRecords)
	}
	records := make([]record, len(n.Records))
	for i, r := range n.Records {
		key, err := name(r.S3.Object.Key)
		if err != nil || r.S3.Bucket.Name == "" {
			return nil, badEvent("record %d of the S3 event names no object", i).Because(err)
		}
		records[i] = record{
			created: strings.HasPrefix(strings.TrimPrefix(r.EventName, "s3:"), "ObjectCreated:"),
			bucket:  r.S3.Bucket.Name,
			key:     key,
			etag:    strings.Trim(r.S3.Object.ETag, `"`),
		}
	}
	return records, nil
}

// name undoes, once, the form encoding that keys have in events: a space
// travels as a plus, and MinIO encodes the slash as well.
func name(escaped string) (string, error) {
	key, err := url.QueryUnescape(escaped)
	switch {
	case err != nil:
		return "", err
	case key == "", len(key) > maxKey, !utf8.ValidString(key), strings.ContainsRune(key, 0):
		return "", badEvent("%q is no key", escaped)
	}
	return key, nil
}

func badEvent(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "bad_event", format, args...)
}
