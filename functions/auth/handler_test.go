package function

import (
	"errors"
	"strings"
	"testing"

	"fnstore/kit/golden"
)

// bare is the function without any secret: no database, no Redis, no key.
func bare(env map[string]string) error {
	_, err := Open(func(name string) string { return env[name] }, noSecret)
	return err
}

func noSecret(string) (string, error) { return "", errors.New("not mounted") }

// Seed: R59
func TestHandler_Golden(t *testing.T) {
	h, err := Open(func(name string) string {
		if name == "cors_origins" {
			return "https://app.example.org"
		}
		return ""
	}, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	golden.Run(t, h, "testdata")
}

// Bad settings are errors at the start, and missing secrets are not.
//
// Seed: R12, B74
func TestOpen_BadSettings(t *testing.T) {
	for name, value := range map[string]string{
		"token_lifetime": "forever", "refresh_lifetime": "-1s", "token_alg": "none", "admin_email": "nobody", "cors_origins": "*", "limit_login": "many", "trusted_proxies": "x",
	} {
		if err := bare(map[string]string{name: value}); err == nil || !strings.Contains(err.Error(), value) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	if err := bare(map[string]string{"token_lifetime": "24h", "token_alg": "HS256"}); err != nil {
		t.Error(err)
	}
	if err := bare(map[string]string{"token_lifetime": "25h"}); err == nil {
		t.Error("a token for more than a day")
	}
}
