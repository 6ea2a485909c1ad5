package hook

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/queue"
)

// Object is something that happened to an object of an S3 store.
type Object struct {
	Event     string // "ObjectCreated:Put", as S3 names it
	Source    string // "fnstore:s3", "minio:s3", "aws:s3"
	Bucket    string
	Key       string // as it is, not escaped
	ETag      string // bare
	Size      int64  // bytes
	Sequencer string // orders the events of one key
	At        time.Time
	CallID    string // "" makes one
	VersionID string // "" for none
	Hops      int    // functions that had followed one another when it was written
}

// Created reports whether the object came to be: only then is there something
// to work on.
func (o Object) Created() bool { return strings.HasPrefix(o.Event, "ObjectCreated:") }

// HeaderHops says how many functions have followed one another up to this call.
// A function that passes it on as the metadata MetaHops of what it writes lets a
// loop of functions be found.
const (
	HeaderHops = "X-Fnstore-Hops"
	MetaHops   = "fnstore-hops"
)

// callID is the form of a call id that a caller may choose.
var callID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// The S3 event message structure, as far as a function may need it (Amazon S3
// user guide, "Event message structure", version 2.1). The key is
// query-escaped there, the slash too.
type notification struct {
	Records []eventRecord `json:"Records"`
}

type eventRecord struct {
	EventVersion string   `json:"eventVersion"`
	EventSource  string   `json:"eventSource"`
	EventTime    string   `json:"eventTime"`
	EventName    string   `json:"eventName"`
	S3           s3Entity `json:"s3"`
}

type s3Entity struct {
	Bucket s3Bucket `json:"bucket"`
	Object s3Object `json:"object"`
}

type s3Bucket struct {
	Name string `json:"name"`
}

type s3Object struct {
	Key       string `json:"key"`
	Size      int64  `json:"size"`
	ETag      string `json:"eTag"`
	VersionID string `json:"versionId,omitempty"`
	Sequencer string `json:"sequencer"`
}

func (o Object) message(function string) queue.New {
	body, _ := json.Marshal(notification{[]eventRecord{{ // strings and a number: cannot fail
		EventVersion: "2.1",
		EventSource:  o.Source,
		EventTime:    o.At.UTC().Format("2006-01-02T15:04:05.000Z"),
		EventName:    o.Event,
		S3: s3Entity{s3Bucket{o.Bucket}, s3Object{
			Key: url.QueryEscape(o.Key), Size: o.Size, ETag: o.ETag, VersionID: o.VersionID, Sequencer: o.Sequencer,
		}},
	}}})
	if !callID.MatchString(o.CallID) {
		o.CallID = "" // a writer's own name for the call counts only in the form the gateway takes
	}
	return queue.New{
		Function: function,
		Headers: map[string][]string{
			"Content-Type": {"application/json"},
			"X-Topic":      {"s3:" + o.Bucket},
			"X-Connector":  {"fnstore-objects"},
			HeaderHops:     {strconv.Itoa(o.Hops + 1)},
		},
		Body:    body,
		CallID:  o.CallID,
		Trusted: true,
	}
}
