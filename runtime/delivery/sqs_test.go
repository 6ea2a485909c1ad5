package delivery

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"fnstore/kit/queue/lease"
)

func TestRecord_Shape(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	m := lease.Message{
		ID: 7, Fence: 3, CallID: "c", Function: "f", Group: "g", Method: "PUT", Path: "/a?b",
		Headers: map[string][]string{"Content-Type": {"text/csv"}}, CreatedAt: at, FirstAt: at, Deliveries: 2,
	}
	raw, err := json.Marshal(record(m, []byte("hello")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"messageId":"c"`, `"receiptHandle":"7.3"`, `"body":"hello"`, `"md5OfBody":"5d41402abc4b2a76b9719d911017c592"`,
		`"ApproximateReceiveCount":"2"`, `"SentTimestamp":"1700000000123"`, `"MessageGroupId":"g"`, `"eventSource":"aws:sqs"`,
		`"Content-Type":{"stringValue":"text/csv","stringListValues":[],"binaryListValues":[],"dataType":"String"}`,
		`"fnstore.method":{"stringValue":"PUT"`, `"fnstore.path":{"stringValue":"/a?b"`, `"awsRegion":"local"`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s has no %s", raw, want)
		}
	}
	m.Headers["X-Fnstore-Attributes"] = []string{`{"FileSize":12345678901234567890,"ContentType":"text/csv","fnstore.path":"/x","list":[1],"null":null}`}
	sent := record(m, nil).MessageAttributes
	if size := sent["FileSize"]; size.DataType != "Number" || size.StringValue != "12345678901234567890" || sent["ContentType"].StringValue != "text/csv" || sent["fnstore.path"].StringValue != "/a?b" {
		t.Errorf("attributes: %+v", sent)
	}
	if _, ok := sent["list"]; ok {
		t.Errorf("attributes: %+v", sent)
	}
	r := record(m, []byte{0xff, 0})
	if r.Body != "/wA=" || r.MessageAttributes[attributeEncoding].StringValue != "base64" {
		t.Errorf("of bytes that are no text: %+v", r)
	}
}

// The meaning of an answer is Lambda's.
//
// Seed: B13, B15
func TestBatchFailures_Answers(t *testing.T) {
	sent := sqsEvent{Records: []sqsRecord{{MessageID: "a"}, {MessageID: "b"}}}
	for body, want := range map[string]string{
		``: "", ` `: "", `null`: "", `{}`: "", `{"batchItemFailures":[]}`: "", `{"batchItemFailures":null}`: "",
		`{"batchItemFailures":[{"itemIdentifier":"b"}]}`:                         "b",
		`{"batchItemFailures":[{"itemIdentifier":"b","status":"x","detail":5}]}`: "b",
		`{"batchItemFailures":[{"itemIdentifier":"c"}]}`:                         "all",
		`{"batchItemFailures":[{"itemIdentifier":""}]}`:                          "all",
		`{"batchItemFailures":[{"itemIdentifier":null}]}`:                        "all",
		`{"batchItemFailures":[{"wrong":"b"}]}`:                                  "all",
		`{"batchItemFailures":"b"}`:                                              "all",
		`ok`:                                                                     "all",
		`[]`:                                                                     "all",
		`{"batchItemFailures":[{"itemIdentifier":"b"}]} x`:                       "all",
	} {
		failed, err := batchFailures([]byte(body), sent)
		got := ""
		for id := range failed {
			got += id
		}
		if err != nil {
			got = "all"
		}
		if got != want {
			t.Errorf("%s: %q failed, want %q", body, got, want)
		}
	}
}

func FuzzBatchFailures(f *testing.F) {
	for _, s := range []string{"", "null", `{"batchItemFailures":[{"itemIdentifier":"b"}]}`, `{"batchItemFailures":[{"itemIdentifier":1}]}`} {
		f.Add([]byte(s))
	}
	sent := sqsEvent{Records: []sqsRecord{{MessageID: "a"}, {MessageID: "b"}}}
	f.Fuzz(func(t *testing.T, body []byte) {
		failed, err := batchFailures(body, sent)
		for id := range failed {
			if err != nil || id != "a" && id != "b" {
				t.Errorf("%q: %v, %v", body, failed, err)
			}
		}
	})
}
