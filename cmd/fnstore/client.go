package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"fnstore/kit/wire"
)

// client talks to the gateway of a running store as its operator.
type client struct {
	base     string
	user     string
	password string
}

// newClient finds the gateway in the environment, as faas-cli does, or in the
// state of the store that was started here.
func newClient(s *settings) (*client, error) {
	vars := map[string]string{"OPENFAAS_URL": os.Getenv("OPENFAAS_URL"), "OPENFAAS_PASSWORD_FILE": os.Getenv("OPENFAAS_PASSWORD_FILE")}
	if vars["OPENFAAS_URL"] == "" || vars["OPENFAAS_PASSWORD_FILE"] == "" {
		var err error
		if vars, err = readEnv(s.path("env")); err != nil {
			return nil, err
		}
	}
	password, err := os.ReadFile(vars["OPENFAAS_PASSWORD_FILE"])
	if err != nil {
		return nil, fmt.Errorf("read the gateway's password: %w", err)
	}
	return &client{strings.TrimRight(vars["OPENFAAS_URL"], "/"), adminUser, strings.TrimSpace(string(password))}, nil
}

// do sends a request under the gateway's URL. An answer of 400 or more becomes
// an error that says what the problem says.
func (c *client) do(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "fnstore-cli/"+version)
	if strings.HasPrefix(path, "/system/") {
		req.SetBasicAuth(c.user, c.password)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the gateway does not answer: %w", err)
	}
	if res.StatusCode >= 400 {
		defer res.Body.Close()
		return nil, problem(res)
	}
	return res, nil
}

func (c *client) get(ctx context.Context, path string, query url.Values, v any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	res, err := c.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(v); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	return nil
}

// send posts v, as JSON, and wants no more than a yes.
func (c *client) send(ctx context.Context, method, path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	res, err := c.do(ctx, method, path, bytes.NewReader(b), http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// statusError is an answer of 400 or more.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

// problem makes an error of an RFC 9457 answer, or of whatever came instead.
func problem(res *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what could be read is what can be said
	var p wire.Problem
	if json.Unmarshal(body, &p) == nil && p.Detail != "" {
		return &statusError{res.StatusCode, fmt.Sprintf("%s: %s (%s, call %s)", res.Status, p.Detail, p.Code, p.CallID)}
	}
	return &statusError{res.StatusCode, fmt.Sprintf("%s: %s", res.Status, strings.TrimSpace(string(body)))}
}
