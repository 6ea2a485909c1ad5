package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The port of the gateway that functions are told is the store's, whether a flag,
// the environment or the system chose it.
func TestStackFile_GatewayPort(t *testing.T) {
	stack := filepath.Join(t.TempDir(), "stack.yml")
	text := "version: 1.0\nprovider: {name: openfaas}\nfunctions:\n  f:\n    lang: golang-middleware\n    handler: ./f\n    image: a/f:1\n    environment: {gateway_url: 'http://127.0.0.1:${FNSTORE_GATEWAY_PORT:-8080}'}\n"
	if err := os.WriteFile(stack, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FNSTORE_GATEWAY_PORT", "0")
	for _, c := range []struct {
		s    settings
		runs map[string]string // of a store that runs
		want string
	}{
		{settings{Stack: stack, GatewayPort: 9000}, nil, "http://127.0.0.1:9000"},
		{settings{Stack: stack}, map[string]string{"OPENFAAS_URL": "http://127.0.0.1:9001"}, "http://127.0.0.1:9001"},
		{settings{Stack: stack, GatewayPort: 8080}, map[string]string{"OPENFAAS_URL": "http://127.0.0.1:9001"}, "http://127.0.0.1:9001"},
		{settings{Stack: stack, GatewayPort: 9000}, map[string]string{}, "http://127.0.0.1:9000"},
	} {
		if c.runs != nil {
			c.s.follow(c.runs)
		}
		file, err := c.s.stackFile("")
		if err != nil {
			t.Fatal(err)
		}
		if got := file.Function("f").Environment["gateway_url"]; got != c.want {
			t.Errorf("%+v, %v: %s, want %s", c.s, c.runs, got, c.want)
		}
	}
}
