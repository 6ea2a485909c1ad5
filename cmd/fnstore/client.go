package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
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

// newClient finds the gateway: the store that --state names, else OPENFAAS_URL
// as faas-cli reads it, else the store of FNSTORE_STATE or .fnstore.
func newClient(s *settings) (*client, error) {
	base, passwordFile := os.Getenv("OPENFAAS_URL"), os.Getenv("OPENFAAS_PASSWORD_FILE")
	switch {
	case s.stateFlag || base == "":
		vars, err := readEnv(s.path("env"))
		if err != nil {
			return nil, err
		}
		base, passwordFile = vars["OPENFAAS_URL"], vars["OPENFAAS_PASSWORD_FILE"]
	case passwordFile == "":
		return nil, fmt.Errorf("OPENFAAS_URL is %s and OPENFAAS_PASSWORD_FILE is not set: set it to the file with the gateway's password, or name a store on this machine with --state", redacted(base))
	case os.Getenv("FNSTORE_STATE") != "":
		vars, err := readEnv(s.path("env"))
		if err == nil && !sameGateway(base, vars["OPENFAAS_URL"]) {
			return nil, fmt.Errorf("OPENFAAS_URL is %s, and FNSTORE_STATE names the store at %s: unset one of them, or name a store with --state", redacted(base), vars["OPENFAAS_URL"])
		}
	}
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		return nil, fmt.Errorf("read the gateway's password: %w", err)
	}
	return &client{strings.TrimRight(base, "/"), adminUser, strings.TrimSpace(string(password))}, nil
}

// newLocalClient is newClient for a command that also uses the state's own
// files or registry, so gateway and state must be of one store. It gives the
// variables of the state's env file.
func newLocalClient(s *settings) (*client, map[string]string, error) {
	vars, err := readEnv(s.path("env"))
	if err != nil {
		return nil, nil, err
	}
	c, err := newClient(s)
	if err != nil {
		return nil, nil, err
	}
	if !sameGateway(c.base, vars["OPENFAAS_URL"]) {
		return nil, nil, fmt.Errorf("OPENFAAS_URL is %s, and %s is the state of the store at %s: name the store that is meant with --state",
			redacted(c.base), s.State, vars["OPENFAAS_URL"])
	}
	return c, vars, nil
}

// sameGateway reports whether two URLs reach one gateway. The names of this
// machine's loopback are one.
func sameGateway(a, b string) bool {
	place := func(s string) string {
		u, err := url.Parse(s)
		if err != nil {
			return s
		}
		host, port := u.Hostname(), u.Port()
		if addr, err := netip.ParseAddr(host); host == "localhost" || err == nil && addr.IsLoopback() {
			host = "localhost"
		}
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		return u.Scheme + "://" + net.JoinHostPort(host, port)
	}
	return place(a) == place(b)
}

// redacted is a URL without a password that somebody wrote into it.
func redacted(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "not a URL"
	}
	return u.Redacted()
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
