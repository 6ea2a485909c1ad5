package cloudevents

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	sdk "github.com/cloudevents/sdk-go/v2/protocol/http"

	"fnstore/kit/fault"
)

// request is one case: headers by name and value in turn, and a body.
type request struct {
	name   string
	header []string
	body   string
	events int // -1: refused by both
}

func (c request) headers() http.Header {
	h := http.Header{}
	for i := 0; i < len(c.header); i += 2 {
		h.Add(c.header[i], c.header[i+1])
	}
	return h
}

const one = `"specversion":"1.0","id":"1","source":"/mycontext","type":"com.example.someevent"`

var (
	binaryHead = []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/mycontext", "ce-type", "com.example.someevent"}
	json1      = []string{"Content-Type", "application/cloudevents+json; charset=UTF-8"}
	jsonMany   = []string{"Content-Type", "application/cloudevents-batch+json"}
)

func with(head []string, more ...string) []string { return append(slices.Clone(head), more...) }

// cases are the SDK's own (event and protocol/http of sdk-go, the conformance
// feature files) in our words.
var cases = []request{
	{"binary", with(binaryHead, "Content-Type", "application/json", "ce-subject", "a subject", "ce-time", "2018-04-05T17:31:00Z", "ce-comexampleextension1", "value", "ce-dataschema", "http://example.com/s"), `{"a":1}`, 1},
	{"binary without data", binaryHead, "", 1},
	{"binary of text", with(binaryHead, "Content-Type", "text/plain"), "plain", 1},
	{"binary of XML", with(binaryHead, "Content-Type", "application/xml"), "<much wow=\"xml\"/>", 1},
	{"binary without an id", binaryHead[:2], "", -1},
	{"binary with a bad time", with(binaryHead, "ce-time", "yesterday"), "", -1},
	{"structured", json1, `{` + one + `,"time":"2018-04-05T17:31:00.5Z","subject":"s","comexampleextension1":"value","comexampleothervalue":5,"flag":true,"datacontenttype":"application/json","data":{"a":[1,2]}}`, 1},
	{"structured, data first", json1, `{"data":{"a":1},` + one + `}`, 1},
	{"structured, data of a string", json1, `{` + one + `,"data":"text"}`, 1},
	{"structured of XML", json1, `{` + one + `,"datacontenttype":"application/xml","data":"<much wow=\"xml\"/>"}`, 1},
	{"structured of bytes", json1, `{` + one + `,"datacontenttype":"application/octet-stream","data_base64":"AAEC/w=="}`, 1},
	{"structured of JSON as bytes", json1, `{` + one + `,"datacontenttype":"application/json","data_base64":"eyJhIjoxfQ=="}`, 1},
	{"structured without data", json1, `{` + one + `}`, 1},
	{"structured with a null attribute", json1, `{` + one + `,"subject":null}`, 1},
	{"structured without a version", json1, `{"id":"1","source":"/s","type":"t"}`, -1},
	{"structured of another version", json1, `{"specversion":"2.0","id":"1","source":"/s","type":"t"}`, -1},
	{"structured without a type", json1, `{"specversion":"1.0","id":"1","source":"/s"}`, -1},
	{"structured, an empty id", json1, `{"specversion":"1.0","id":"","source":"/s","type":"t"}`, -1},
	{"structured, an id that is a number", json1, `{"specversion":"1.0","id":1,"source":"/s","type":"t"}`, -1},
	{"structured, bad base64", json1, `{` + one + `,"data_base64":"%%"}`, -1},
	{"structured, no JSON", json1, `{`, -1},
	{"structured, an array", json1, `[]`, -1},
	{"batch of two", jsonMany, `[{` + one + `,"data":{"a":1}},{"specversion":"1.0","id":"2","source":"/s","type":"t","datacontenttype":"text/plain","data":"x"}]`, 2},
	{"empty batch", jsonMany, `[]`, 0},
	{"batch with one that is not valid", jsonMany, `[{` + one + `},{"specversion":"1.0","id":"2","source":"/s"}]`, -1},
	{"batch that is no array", jsonMany, `{` + one + `}`, -1},
}

// The CloudEvents SDK reads the same events from the same requests.
// Seed: R24
func TestRead_AgreesWithTheSDK(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read(c.headers(), []byte(c.body))
			want, theirs := fromSDK(c)
			if (theirs == nil) != (c.events >= 0) {
				t.Fatalf("the SDK says %v of %d events", theirs, c.events)
			}
			if (err == nil) != (theirs == nil) {
				t.Fatalf("we say %v, the SDK %v", err, theirs)
			}
			if err != nil {
				if f := fault.Of(err); f.Kind != fault.Invalid || f.Code != "bad_cloudevent" {
					t.Errorf("%v is %s", err, f.Code)
				}
				return
			}
			if len(got) != c.events || len(want) != c.events {
				t.Fatalf("%d events, the SDK has %d, want %d", len(got), len(want), c.events)
			}
			for i := range got {
				compare(t, got[i], want[i])
			}
		})
	}
}

func fromSDK(c request) ([]event.Event, error) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
	r.Header = c.headers()
	if ModeOf(r.Header) == Batch {
		list, err := sdk.NewEventsFromHTTPRequest(r)
		for _, e := range list {
			if err == nil {
				err = e.Validate()
			}
		}
		return list, err
	}
	e, err := sdk.NewEventFromHTTPRequest(r)
	if err != nil {
		return nil, err
	}
	return []event.Event{*e}, e.Validate()
}

func compare(t *testing.T, got Event, want event.Event) {
	t.Helper()
	if got.ID != want.ID() || got.Source != want.Source() || got.Type != want.Type() || got.Subject != want.Subject() || !got.Time.Equal(want.Time()) || got.DataSchema != want.DataSchema() || got.DataContentType != want.DataContentType() {
		t.Errorf("we have %+v, the SDK %v", got, want)
	}
	if !bytes.Equal(got.Data, want.Data()) {
		t.Errorf("data %q, the SDK has %q", got.Data, want.Data())
	}
	if len(got.Extensions) != len(want.Extensions()) {
		t.Errorf("extensions %v, the SDK has %v", got.Extensions, want.Extensions())
	}
}

// Where the specification says more than the SDK checks, it is the specification
// that counts.
func TestRead_WhatTheSpecificationSays(t *testing.T) {
	e, err := Read(request{header: with(binaryHead, "ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80", "ce-note", `"a \"b\""`)}.headers(), nil)
	if err != nil || e[0].Subject != "Euro € 😀" || e[0].Extensions["note"] != `a "b"` {
		t.Errorf("%+v, %v", e, err)
	}
	for _, c := range []request{
		{"twice", with(binaryHead, "ce-id", "2"), "", -1},
		{"cut escape", with(binaryHead, "ce-subject", "%E2%8"), "", -1},
		{"not UTF-8", with(binaryHead, "ce-subject", "%FF"), "", -1},
		{"both data", json1, `{` + one + `,"data":1,"data_base64":"AA=="}`, -1},
		{"a member twice", json1, `{` + one + `,"id":"2"}`, -1},
		{"an attribute in upper case", json1, `{` + one + `,"Upper":"x"}`, -1},
		{"an extension that is an object", json1, `{` + one + `,"ext":{}}`, -1},
		{"a control character", json1, `{` + one + `,"subject":"a\nb"}`, -1},
	} {
		if _, err := Read(c.headers(), []byte(c.body)); fault.Of(err).Code != "bad_cloudevent" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Read(http.Header{"Content-Type": {"application/cloudevents+avro"}}, nil); fault.Of(err).Kind != fault.Unsupported {
		t.Errorf("another format: %v", err)
	}
	if m := ModeOf(http.Header{"Content-Type": {"application/json"}}); m != None {
		t.Errorf("plain JSON has the mode %d", m)
	}
}

func FuzzRead(f *testing.F) {
	for _, c := range cases {
		h := c.headers()
		f.Add(h.Get("Content-Type"), h.Get("Ce-Specversion"), h.Get("Ce-Id"), []byte(c.body))
	}
	f.Fuzz(func(t *testing.T, contentType, version, id string, body []byte) {
		h := http.Header{"Content-Type": {contentType}, "Ce-Specversion": {version}, "Ce-Id": {id}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}}
		list, err := Read(h, body)
		if err != nil {
			if k := fault.Of(err).Kind; k != fault.Invalid && k != fault.Unsupported {
				t.Errorf("%v", err)
			}
			return
		}
		for _, e := range list {
			if e.ID == "" || e.Source == "" || e.Type == "" {
				t.Errorf("%+v", e)
			}
		}
	})
}
