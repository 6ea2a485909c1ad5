package function

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	for name, value := range map[string]string{
		"notify_retention": "soon", "notify_texts": `{"a":{"subject":"{{.x","body":""}}`, "notify_private_hosts": "localhost",
	} {
		if _, err := Open(func(n string) string { return map[string]string{name: value}[n] }, noSecret); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	list, err := parseTexts("")
	if err != nil {
		f.Fatal(err)
	}
	a := &api{texts: list, now: time.Now}
	f.Add([]byte(`{"type":"order_success","order":{"order_id":"1"},"shipment":{"tracking_number":2},"attributes":{"a":[1]}}`))
	f.Add([]byte(`{"type":"fnstore.dead_letters","last":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := a.parse(body, http.Header{"X-Call-Id": {"c"}}, "")
		if err != nil {
			if k := fault.Of(err).Kind; k != fault.Invalid && k != fault.Unprocessable {
				t.Errorf("%v", err)
			}
			return
		}
		if n.ID == "" || n.Topic == "" || n.Type == "" || strings.ContainsAny(n.Subject, "\r\n\x00") {
			t.Errorf("%+v", n)
		}
	})
}

func FuzzParseAlerts(f *testing.F) {
	list, err := parseTexts("")
	if err != nil {
		f.Fatal(err)
	}
	a := &api{texts: list, now: time.Now}
	f.Add([]byte(`{"status":"firing","alerts":[{"status":"firing","labels":{"alertname":"A"},"startsAt":"2026-01-01T00:00:00Z"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if n, err := a.parseAlerts(body); err != nil && fault.Of(err).Kind != fault.Invalid || err == nil && strings.ContainsAny(n.Subject, "\r\n") {
			t.Errorf("%+v, %v", n, err)
		}
	})
}

func FuzzPlace(f *testing.F) {
	f.Add("https://example.org:8443/a?b=c")
	f.Add("http://[::1]/")
	f.Fuzz(func(t *testing.T, raw string) {
		if u, err := place(raw); err == nil && (u.Hostname() == "" || u.User != nil) {
			t.Errorf("%q", raw)
		}
	})
}
