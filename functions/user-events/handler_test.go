package function

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
	"fnstore/kit/golden"
)

func noSecret(string) (string, error) { return "", errors.New("not mounted") }

func TestHandler_Golden(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("secret_mount_path", dir)
	if err := os.WriteFile(filepath.Join(dir, caller.Secret), []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Open(func(string) string { return "" }, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	golden.Run(t, h, "testdata")
}

// Seed: R12, B74
func TestOpen_BadSettings(t *testing.T) {
	for _, bad := range []string{"soon", "10", "1s", "-720h"} {
		if _, err := Open(func(string) string { return bad }, noSecret); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("event_retention %s: %v", bad, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("application/json", "", []byte(`{"type":"user_created","data":{"user_id":"1"}}`))
	f.Add("application/json", "", []byte(`{"Records":[{"eventID":"1","eventName":"MODIFY","table":"a.b","change":{"OldImage":{"id":1},"NewImage":{"id":"1"}}}]}`))
	f.Add("application/cloudevents+json", "", []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"user_updated","data":{"id":"1"}}`))
	f.Fuzz(func(t *testing.T, contentType, version string, body []byte) {
		list, err := parse(http.Header{"Content-Type": {contentType}, "Ce-Specversion": {version}, "X-Call-Id": {"c"}}, body)
		if err != nil {
			if k := fault.Of(err).Kind; k != fault.Invalid && k != fault.Unprocessable && k != fault.Unsupported {
				t.Errorf("%v", err)
			}
			return
		}
		for _, e := range list {
			if e.source == "" || e.id == "" || e.typ == "" || e.at.IsZero() || e.known() && e.change.user == "" {
				t.Errorf("%+v", e)
			}
		}
	})
}
