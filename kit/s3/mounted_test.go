package s3

import (
	"errors"
	"testing"

	"fnstore/kit/fault"
)

// A key may come late, be wrong and be rotated, each without a restart.
func TestMounted_SecretIsReadAtEachUse(t *testing.T) {
	var url string
	err := errors.New("not mounted")
	m := Mount(func() (string, error) { return url, err })
	for _, step := range []struct {
		url  string
		err  error
		code string
	}{{"", err, "no_s3_key"}, {"http://nothing", nil, "bad_s3_key"}, {"http://key:old@127.0.0.1:9", nil, ""}, {"http://key:new@127.0.0.1:9", nil, ""}} {
		before := m.client
		url, err = step.url, step.err
		client, got := m.Client()
		if step.code != "" {
			if fault.Of(got).Code != step.code || fault.Of(got).Kind != fault.Unavailable || client != nil {
				t.Errorf("%q: %v", step.url, got)
			}
			continue
		}
		if again, _ := m.Client(); got != nil || client == nil || client == before || again != client {
			t.Errorf("%q: %v, a client of its own %t, kept %t", step.url, got, client != before, again == client)
		}
	}
}
