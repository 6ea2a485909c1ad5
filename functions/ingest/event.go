package function

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	"fnstore/kit/fault"
)

const (
	maxRecords = 100
	maxKey     = 1024 // bytes of an object's name, S3's limit
	maxMark    = 1024 // bytes of a version, a sequencer or an etag
)

// notification is what is read of an S3 event notification (AWS: Event message
// structure, 2.x; MinIO sends the same with members of its own).
type notification struct {
	Event   string // "s3:TestEvent" when AWS tries the destination
	Records []struct {
		EventName string
		S3        struct {
			Bucket struct{ Name string }
			Object struct{ Key, ETag, VersionID, Sequencer string }
		}
	}
}

// record is one object that something happened to.
type record struct {
	created     bool // else removed, restored, tagged, ...
	bucket, key string
	etag        string // of the object the event speaks of; may be empty
	version     string // where the bucket keeps versions
	sequencer   string // orders the events of a key; may be empty
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
		key, err := url.QueryUnescape(r.S3.Object.Key) // a space travels as a plus, and the slash may be escaped
		if err != nil || key == "" || len(key) > maxKey || !kept(key) || r.S3.Bucket.Name == "" || !kept(r.S3.Bucket.Name) {
			return nil, badEvent("record %d of the S3 event names no object", i).Because(err)
		}
		o := r.S3.Object
		for _, mark := range []string{o.ETag, o.VersionID, o.Sequencer} {
			if len(mark) > maxMark || !kept(mark) {
				return nil, badEvent("record %d of the S3 event has marks of more than %d bytes", i, maxMark)
			}
		}
		records[i] = record{
			created: strings.HasPrefix(strings.TrimPrefix(r.EventName, "s3:"), "ObjectCreated:"),
			bucket:  r.S3.Bucket.Name, key: key,
			etag: strings.Trim(o.ETag, `"`), version: o.VersionID, sequencer: o.Sequencer,
		}
	}
	return records, nil
}

// kept reports whether Postgres can keep a text.
func kept(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func badEvent(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "bad_event", format, args...)
}
