package objects

import (
	"net/http"
	"strings"
	"testing"
)

// TestVersions_OthersChangeNothing holds that the version null is the object,
// and that any other is NoSuchVersion wherever a version can be named.
func TestVersions_OthersChangeNothing(t *testing.T) {
	s := openStore(t, withKey)
	put(t, s, "k", "value")
	h := s.Handler()
	u, err := s.beginMultipart(t.Context(), "box", "up", map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	part := "/box/up?partNumber=1&uploadId=" + u.ID
	for _, c := range []struct {
		method, path string
		source       string // of a copy
		status       int
		code         string
	}{
		{"GET", "/box/k?versionId=null", "", 200, ""},
		{"HEAD", "/box/k?versionId=null", "", 200, ""},
		{"GET", "/box/k?tagging&versionId=null", "", 200, ""},
		{"PUT", "/box/copy", "box/k?versionId=null", 200, ""},
		{"PUT", part, "box/k?versionId=null", 200, ""},
		{"GET", "/box/k?versionId=other", "", 404, "NoSuchVersion"},
		{"GET", "/box/k?versionId=", "", 404, "NoSuchVersion"},
		{"GET", "/box/k?versionId=null&versionId=other", "", 400, "InvalidRequest"},
		{"HEAD", "/box/k?versionId=other", "", 404, ""},
		{"DELETE", "/box/k?versionId=other", "", 404, "NoSuchVersion"},
		{"GET", "/box/k?tagging&versionId=other", "", 404, "NoSuchVersion"},
		{"GET", "/box/k?acl&versionId=other", "", 404, "NoSuchVersion"},
		{"PUT", "/box/k?acl&versionId=other", "", 404, "NoSuchVersion"},
		{"PUT", "/box/other", "box/k?versionId=other", 404, "NoSuchVersion"},
		{"PUT", part, "box/k?versionId=other", 404, "NoSuchVersion"},
		{"GET", "/nowhere/k?versionId=other", "", 404, "NoSuchBucket"},
		{"DELETE", "/box/copy?versionId=null", "", 204, ""},
		{"GET", "/box/copy", "", 404, "NoSuchKey"},
	} {
		var headers []string
		if c.source != "" {
			headers = []string{"X-Amz-Copy-Source", c.source}
		}
		if status, code := send(t, h, c.method, c.path, "", headers...); status != c.status || code != c.code {
			t.Errorf("%s %s from %q: %d %s, want %d %s", c.method, c.path, c.source, status, code, c.status, c.code)
		}
	}
	if got := get(t, s, "k"); got != "value" {
		t.Errorf("it is %q now", got)
	}
}

func TestVersions_DeleteObjects(t *testing.T) {
	s := openStore(t, withKey)
	h := s.Handler()
	for _, k := range []string{"plain", "null", "other", "changed", "same"} {
		put(t, s, k, "value")
	}
	same, err := s.stat(t.Context(), "box", "same")
	if err != nil {
		t.Fatal(err)
	}
	w := answerOf(t, h, "127.0.0.1", "POST", "/box?delete", `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
		<Object><Key>plain</Key></Object>
		<Object><Key>null</Key><VersionId>null</VersionId></Object>
		<Object><Key>other</Key><VersionId>3HL4kqtJ</VersionId></Object>
		<Object><Key>changed</Key><ETag>"0123"</ETag></Object>
		<Object><Key>same</Key><ETag>`+same.ETag()+`</ETag><Size>5</Size></Object>
		<Object><Key>never</Key></Object>
	</Delete>`)
	body := w.Body.String()
	if w.Code != http.StatusOK || strings.Count(body, "<Deleted>") != 4 || strings.Count(body, "<Error>") != 2 ||
		!strings.Contains(body, "<Error><Key>other</Key><VersionId>3HL4kqtJ</VersionId><Code>NoSuchVersion</Code>") ||
		!strings.Contains(body, "<Error><Key>changed</Key><Code>PreconditionFailed</Code>") {
		t.Errorf("%d %s", w.Code, body)
	}
	p, err := s.list(t.Context(), listing{Bucket: "box", Max: 10})
	if err != nil || len(p.Objects) != 2 || p.Objects[0].Key != "changed" || p.Objects[1].Key != "other" {
		t.Errorf("left: %+v, %v", p.Objects, err)
	}
	if w := answerOf(t, h, "127.0.0.1", "POST", "/box?delete", `<Delete><Quiet>true</Quiet><Object><Key>other</Key></Object></Delete>`); w.Code != 200 || strings.Contains(w.Body.String(), "Key") {
		t.Errorf("quiet: %d %s", w.Code, w.Body)
	}
	for body, want := range map[string]string{"<Delete/>": "MalformedXML", "<Other/>": "MalformedXML", "<": "MalformedXML", strings.Repeat(" ", maxDeleteXML+1): "MaxMessageLengthExceeded"} {
		if status, code := send(t, h, "POST", "/box?delete", body); status != 400 || code != want {
			t.Errorf("%.20q: %d %s", body, status, code)
		}
	}
	if status, code := send(t, h, "POST", "/nowhere?delete", "<Delete><Object><Key>k</Key></Object></Delete>"); status != 404 || code != "NoSuchBucket" {
		t.Errorf("no bucket: %d %s", status, code)
	}
}
