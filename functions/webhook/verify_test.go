package function

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"fnstore/kit/golden"
)

func noSecret(string) (string, error) { return "", errors.New("not mounted") }

func TestVerify_Golden(t *testing.T) {
	h, err := Open(func(string) string { return "" }, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	golden.Run(t, h, "testdata")
}

// Seed: B74
func TestOpen_BadSettings(t *testing.T) {
	for name, value := range map[string]string{"webhook_target": "No Name", "limit_default": "x", "trusted_proxies": "x"} {
		if _, err := Open(func(n string) string { return map[string]string{name: value}[n] }, noSecret); err == nil {
			t.Errorf("%s=%s is accepted", name, value)
		}
	}
}

// The senders' own examples.
func TestVerify_TheSendersExamples(t *testing.T) {
	h := http.Header{"X-Hub-Signature-256": {"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}}
	if _, err := github(h, []byte("Hello, World!"), []byte("It's a Secret to Everybody"), time.Now()); err != nil {
		t.Errorf("GitHub's: %v", err)
	}
	key, err := standardKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	h = http.Header{"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {"v1,old v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}}
	if id, err := generic(h, []byte(`{"test": 2432232314}`), key, time.Unix(1614265330, 0)); err != nil || id != "msg_p5jXN8AQM9LWM0D4loKWxJek" {
		t.Errorf("Standard Webhooks': %q %v", id, err)
	}
}

// signedBy makes the headers of a scheme.
func signedBy(name string, key string, body []byte, id string, at time.Time) http.Header {
	t := fmt.Sprint(at.Unix())
	switch name {
	case "github":
		return http.Header{"X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac([]byte(key), body))}, "X-Github-Delivery": {id}}
	case "stripe":
		return http.Header{"Stripe-Signature": {"v0=x,t=" + t + ",v1=" + strings.Repeat("00", 32) + ",v1=" + hex.EncodeToString(mac([]byte(key), []byte(t+"."), body))}}
	}
	return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {t}, "Webhook-Signature": {"v1," + base64Of(mac([]byte(key), []byte(id+"."+t+"."), body))}}
}

func TestVerify_WhatDoesNotHoldIsRefused(t *testing.T) {
	const key = "0123456789abcdef0123456789abcdef"
	now := time.Unix(1_800_000_000, 0)
	body := []byte(`{"a":1}`)
	for _, s := range schemes {
		good := func() http.Header { return signedBy(s.name, key, body, "id", now) }
		if _, err := s.verify(good(), body, []byte(key), now); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		refused := func(what string, h http.Header, body []byte, key string, now time.Time) {
			t.Helper()
			if _, err := s.verify(h, body, []byte(key), now); err == nil {
				t.Errorf("%s: %s is accepted", s.name, what)
			}
		}
		refused("another body", good(), []byte(`{"a":2}`), key, now)
		refused("another key", good(), body, strings.Repeat("x", 32), now)
		refused("no header", http.Header{}, body, key, now)
		for name, values := range good() {
			if name == "X-Github-Delivery" {
				continue
			}
			h := good()
			h[name] = append(values, values[0])
			refused("two headers "+name, h, body, key, now)
			for _, text := range []string{"", "x", strings.ToUpper(values[0]) + "x", values[0] + "00", strings.Repeat("9", 5000)} {
				h[name] = []string{text}
				refused(name+": "+text[:min(20, len(text))], h, body, key, now)
			}
		}
		if s.name != "github" {
			for _, d := range []time.Duration{6 * time.Minute, -6 * time.Minute} {
				refused("a time "+d.String()+" away", good(), body, key, now.Add(d))
			}
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("t=1,v1=00", "x", []byte("{}"))
	f.Add("v1,AAAA", "1", []byte(""))
	f.Fuzz(func(t *testing.T, signature, id string, body []byte) {
		h := http.Header{"Stripe-Signature": {signature}, "Webhook-Id": {id}, "Webhook-Timestamp": {"0"}, "Webhook-Signature": {signature}, "X-Hub-Signature-256": {signature}}
		for _, s := range schemes {
			if _, err := s.verify(h, body, []byte("0123456789abcdef0123456789abcdef"), time.Unix(0, 0)); err == nil {
				t.Errorf("%s accepts %q", s.name, signature)
			}
		}
	})
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
