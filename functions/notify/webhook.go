package function

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/safedial"
)

// Bounds of webhooks.
const (
	hookTimeout = 20 * time.Second // one webhook, from dialling to the end of the answer's head
	maxURL      = 2048             // bytes
	minKey      = 16               // bytes
)

// hooks calls webhooks.
type hooks struct {
	private map[string]bool // HOST:PORT whose address may be private
	http    *http.Client
}

// newHooks reads the places whose address need not be public: HOST:PORT, with
// commas between them. It follows no redirect and uses no proxy.
func newHooks(private string) (*hooks, error) {
	h := &hooks{private: map[string]bool{}}
	for item := range strings.SplitSeq(private, ",") {
		if item = strings.ToLower(strings.TrimSpace(item)); item == "" {
			continue
		}
		host, port, err := net.SplitHostPort(item)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || host == "" || bad != nil {
			return nil, fmt.Errorf("notify_private_hosts: %q is not HOST:PORT", item)
		}
		h.private[item] = true
	}
	h.http = &http.Client{
		Timeout:       hookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: nil,
			DialContext: func(ctx context.Context, network, place string) (net.Conn, error) {
				return safedial.Dialer(h.private[strings.ToLower(place)]).DialContext(ctx, network, place)
			},
			TLSHandshakeTimeout:    10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
		},
	}
	return h, nil
}

// place reads a webhook's URL.
func place(raw string) (*url.URL, error) {
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return nil, errors.New("it has a character that must be escaped")
		}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || len(raw) > maxURL:
		return nil, errors.New("it cannot be read")
	case u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("it begins with neither http:// nor https:// and a host")
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("it has a user's name or a fragment")
	}
	return u, nil
}

// signingKey is what webhooks are signed with.
func (a *api) signingKey() ([]byte, error) {
	text, err := a.read(webhookSecret)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "no_webhook_key", "the key that signs webhooks is not mounted").Because(err)
	}
	line, _, _ := strings.Cut(text, "\n")
	key := []byte(strings.TrimSpace(line))
	if encoded, ok := strings.CutPrefix(string(key), "whsec_"); ok {
		key, err = base64.StdEncoding.DecodeString(encoded)
	}
	if err != nil || len(key) < minKey {
		return nil, fault.New(fault.Unavailable, "bad_webhook_key", "the key that signs webhooks cannot be used").Because(err)
	}
	return key, nil
}

// post calls a webhook, signed as Standard Webhooks 1.0 has it: the id is the
// same each time, so a receiver can tell what it has had.
func (h *hooks) post(ctx context.Context, to, id string, key, body []byte, now time.Time) error {
	if _, err := place(to); err != nil {
		return fault.New(fault.Unprocessable, "webhook_refused", "the webhook's URL cannot be called: %v", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return fault.New(fault.Unprocessable, "webhook_refused", "the webhook's URL cannot be called: %v", err)
	}
	at := strconv.FormatInt(now.Unix(), 10)
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id + "." + at + "."))
	m.Write(body)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "fnstore-notify")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", at)
	r.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)))
	res, err := h.http.Do(r)
	var refused safedial.RefusedError
	if errors.As(err, &refused) {
		return fault.New(fault.Unprocessable, "webhook_address_refused", "the webhook's host leads to an address that is not called; notify_private_hosts can allow one of a private network").Because(refused)
	}
	if err != nil {
		return fault.New(fault.BadGateway, "webhook_failed", "the webhook does not answer").Because(err)
	}
	defer res.Body.Close()
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return fault.New(fault.BadGateway, "webhook_failed", "the webhook answered %d", code).After(retryAfter(res.Header))
	default: // a redirect too: it is not followed
		return fault.New(fault.Unprocessable, "webhook_refused", "the webhook answered %d", code)
	}
}

// retryAfter reads the seconds that a receiver asks for, at most an hour.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, time.Hour)
}
