// Package invoke calls functions through the gateway, with OpenFaaS' go-sdk and
// the signature of the event plane. It does not know what a call is for, and it
// does not try again.
package invoke

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	sdk "github.com/openfaas/go-sdk"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// Timeouts of a connection to the gateway. How long a call may take is its
// context's.
const (
	connectTimeout = 5 * time.Second
	idleTimeout    = 30 * time.Second
)

// Client calls functions of one gateway. It is safe for any number of goroutines.
type Client struct {
	sdk *sdk.Client
	key func() (string, error)
}

// Open makes a client of the gateway at base. key gives the key that calls are
// signed with, at each call. It dials nothing.
func Open(base string, key func() (string, error)) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("%q is not a gateway's URL such as http://127.0.0.1:8080", base)
	}
	d := net.Dialer{Timeout: connectTimeout}
	c := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: d.DialContext, TLSHandshakeTimeout: connectTimeout, IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: 32},
	}
	return &Client{sdk: sdk.NewClientWithOpts(u, c), key: key}, nil
}

// Call is one call of a function. Its path is /; the query may name an op.
type Call struct {
	Function string
	Query    string // escaped
	CallID   string
	Header   http.Header
	Body     []byte
}

// Do makes the call, signed. What remains of the context's time travels as
// X-Timeout, so that no function works on when nobody waits. An error is a fault:
// Unavailable (no_event_key, gateway_unreachable) or Timeout (call_timeout).
func (c *Client) Do(ctx context.Context, call Call) (*http.Response, error) {
	key, err := c.key()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "no_event_key", "the key that proves a call is not mounted").Because(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gateway/?"+call.Query, bytes.NewReader(call.Body))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", call.Function, err)
	}
	target := "/"
	if r.URL.ForceQuery = false; call.Query != "" {
		target += "?" + call.Query
	}
	for name, values := range call.Header {
		r.Header[name] = values
	}
	r.Header.Set(wire.CallID, call.CallID)
	if until, ok := ctx.Deadline(); ok {
		r.Header.Set("X-Timeout", max(time.Until(until), time.Millisecond).Round(time.Millisecond).String())
	}
	caller.Sign(r.Header, key, http.MethodPost, target, call.Body, time.Now())
	res, err := c.sdk.InvokeFunction(call.Function, "", false, false, r)
	switch {
	case ctx.Err() != nil:
		if err == nil {
			_ = res.Body.Close()
		}
		return nil, fault.New(fault.Timeout, "call_timeout", "%s did not answer in time", call.Function).Because(ctx.Err())
	case err != nil:
		return nil, fault.New(fault.Unavailable, "gateway_unreachable", "the gateway does not answer a call of %s", call.Function).Because(err)
	}
	return res, nil
}
