package main

import (
	"log/slog"
	"strings"
	"testing"
)

// A service of the user's that cannot be reached ends the builds that run beside
// it, and is all that is complained of.
func TestUp_UnreachablePostgresIsTheOnlyError(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	t.Chdir(t.TempDir())
	inEnvironment(t, nil)
	writeTo(t, "template/tiny/template.yml", "language: tiny\nfprocess: ./handler\n")
	writeTo(t, "template/tiny/build.sh", "sleep 300\n")
	writeTo(t, "slow/handler.go", "package function\n")
	writeTo(t, "stack.yml", "provider: {name: openfaas}\nfunctions:\n  slow: {lang: tiny, handler: ./slow, image: slow}\n")
	for _, url := range []string{"postgres://me:hidden@127.0.0.1:1/db", "mysql://me:hidden@127.0.0.1/db"} {
		out, err := command("up", "--gateway-port=0", "--metrics-port=0", "--registry-port=0", "--s3-port=0", "--postgres", url)
		if err == nil || !strings.Contains(err.Error(), "Postgres") {
			t.Fatalf("%v %s", err, out)
		}
		for _, word := range []string{"canceled", "killed", "build slow:", "hidden"} {
			if strings.Contains(err.Error(), word) {
				t.Errorf("%s: the error speaks of %q: %v", url, word, err)
			}
		}
		if n := strings.Count(out, "failed"); n != 1 {
			t.Errorf("%s: %d failures in\n%s", url, n, out)
		}
	}
}
