package callback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/queue/lease"
	"fnstore/kit/safedial"
	"fnstore/kit/trace"
)

// Timeout bounds one callback, from dialling to the end of the answer.
const Timeout = 30 * time.Second

// Client makes callbacks. Make one with NewClient.
type Client struct {
	hosts   Hosts
	key     func() (string, error)
	version string
	http    *http.Client
}

// NewClient gives a client that calls these hosts alone. key is asked for at
// each call. It follows no redirect and uses no proxy, whatever the environment
// says; each address is checked when it is dialled, after its name was resolved.
func NewClient(h Hosts, key func() (string, error), version string) *Client {
	c := &Client{hosts: h, key: key, version: version}
	c.http = &http.Client{
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            c.dial,
			TLSHandshakeTimeout:    10 * time.Second,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    2,
			MaxConnsPerHost:        16,
			IdleConnTimeout:        30 * time.Second,
		},
	}
	return c
}

// dial connects to a host of the list.
func (c *Client) dial(ctx context.Context, network, place string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(place)
	if err != nil {
		return nil, err
	}
	return safedial.Dialer(c.hosts.of[key(host, port)]).DialContext(ctx, network, place)
}

// Call makes the call of a message. An error that is not retriable (see fault)
// is of one that will never succeed.
func (c *Client) Call(ctx context.Context, m lease.Message, body []byte) (*http.Response, error) {
	t, err := parse(strings.TrimPrefix(m.Function, Prefix) + m.Path)
	if err == nil {
		err = c.hosts.allow(t) // the list may be another since
	}
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, origin(t.scheme, t.host, t.port)+t.path, bytes.NewReader(body))
	if err != nil {
		return nil, fault.New(fault.Invalid, "bad_callback", "the URL cannot be called: %v", err)
	}
	for name, values := range m.Headers {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	key, err := c.key()
	if err != nil {
		return nil, fmt.Errorf("sign the callback: %w", err)
	}
	if step, ok := trace.From(ctx); ok {
		req.Header.Set(trace.Header, step.String())
	}
	req.Header.Set("User-Agent", "fnstore-callback/"+c.version)
	req.Header.Set("X-Fnstore-Attempt", strconv.Itoa(m.Attempt))
	sign(req.Header, key, body, time.Now())
	res, err := c.http.Do(req)
	var refused safedial.RefusedError
	if errors.As(err, &refused) {
		if errors.Is(refused, safedial.ErrPrivate) {
			return nil, fault.New(fault.Forbidden, "callback_address_refused", "%s; HOST:PORT%s in FNSTORE_CALLBACK_HOSTS allows it", refused.Error(), private)
		}
		return nil, fault.New(fault.Forbidden, "callback_address_refused", "%s", refused.Error())
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		_ = res.Body.Close()
		return nil, fault.New(fault.Invalid, "callback_redirected", "the host answered %s; redirects are not followed", res.Status)
	}
	return res, nil
}
