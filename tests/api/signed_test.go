package api

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fnstore/connectors/hook"
	"fnstore/kit/caller"
	"fnstore/runtime/migrate"
)

const eventKey = "e0e1e2e3e4e5e6e7e8e9eaebecedeeef"

// mountEventKey lets functions of this process know the key of the event plane.
func mountEventKey(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, caller.Secret), []byte(eventKey), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("secret_mount_path", dir)
}

var calls atomic.Int64

// callSigned calls a function as the event plane does; header is names and
// values in turn. Without an X-Call-Id it makes one.
func callSigned(t testing.TB, method, target, body string, header ...string) reply {
	t.Helper()
	a, err := trySigned(method, target, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func trySigned(method, target, body string, header ...string) (reply, error) {
	u, err := url.Parse(target)
	if err != nil {
		return reply{}, err
	}
	if !strings.Contains(strings.Join(header, " "), "X-Call-Id") {
		header = append(header, "X-Call-Id", fmt.Sprintf("call-%d", calls.Add(1)))
	}
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	caller.Sign(h, eventKey, method, u.RequestURI(), []byte(body), time.Now())
	return try(method, target, body, append(header, caller.Header, h.Get(caller.Header))...)
}

// hookSource are the migrations of the connectors.
func hookSource(t *testing.T) migrate.Source {
	t.Helper()
	sub, err := fs.Sub(hook.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	return migrate.Source{Name: "connectors_hook", FS: sub}
}
