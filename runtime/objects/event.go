package objects

import (
	"fmt"
	"strconv"
	"time"
)

// Names of events, as S3 notifications have them without the "s3:" before.
const (
	Put      = "ObjectCreated:Put"
	Copied   = "ObjectCreated:Copy"
	Complete = "ObjectCreated:CompleteMultipartUpload"
	Removed  = "ObjectRemoved:Delete"
)

// Event is one change of one object. The event of a removal describes
// the removed object.
type Event struct {
	Name        string
	Bucket      string
	Key         string
	ETag        string // hexadecimal MD5, without quotes
	Size        int64  // bytes
	ContentType string
	Sequencer   string // hexadecimal of one width; the higher of one key is the later
	At          time.Time
	// CallID is the call id that the writer chose for the calls of this event,
	// from the object's metadata x-amz-meta-call-id; empty when it gave none.
	CallID string
	// Hops is how many functions had followed one another when the object was
	// written, from its metadata x-amz-meta-fnstore-hops; 0 when that is no number.
	Hops int
}

func event(name string, o object) Event {
	return Event{
		Name:        name,
		Bucket:      o.Bucket,
		Key:         o.Key,
		ETag:        o.ETag(),
		Size:        o.Size,
		ContentType: o.Meta["Content-Type"],
		Sequencer:   fmt.Sprintf("%016X", o.sequencer),
		At:          o.Modified,
		CallID:      o.Meta["X-Amz-Meta-Call-Id"],
		Hops:        hops(o.Meta["X-Amz-Meta-Fnstore-Hops"]),
	}
}

func hops(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
