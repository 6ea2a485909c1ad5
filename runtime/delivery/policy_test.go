package delivery

import (
	"net/http"
	"testing"
	"time"

	"fnstore/kit/queue/lease"
)

// What the schedule in policy.go says, for a message that always fails.
//
// Seed: R32, B21
func TestPolicy_Schedule(t *testing.T) {
	var p Policy
	for range 100 {
		age, deliveries := time.Duration(0), 1
		for !p.spent(deliveries, age) {
			pause := p.pause(deliveries)
			bound := min(DefaultMinWait<<min(deliveries-1, 30), DefaultMaxWait)
			if pause < bound/2 || pause > bound {
				t.Fatalf("pause %d is %s, want half of %s to all of it", deliveries, pause, bound)
			}
			age += pause
			deliveries++
		}
		if age < DefaultPatience || deliveries < 10 || deliveries > 14 {
			t.Fatalf("dead after %d deliveries and %s", deliveries, age)
		}
	}
	if p.spent(100, DefaultPatience-time.Second) || p.spent(4, time.Hour) || !p.spent(5, DefaultPatience) {
		t.Error("five deliveries and fifteen minutes, both")
	}
}

func TestPolicy_Annotations(t *testing.T) {
	p := parsePolicy(map[string]string{
		"com.openfaas.retry.attempts": "3", "com.openfaas.retry.codes": "429, 503",
		"com.openfaas.retry.min_wait": "10s", "com.openfaas.retry.max_wait": "30",
	})
	if !p.spent(3, 0) || p.spent(2, time.Hour) {
		t.Error("three deliveries, whatever the time")
	}
	if !p.again(503) || p.again(500) {
		t.Error("these codes and no others")
	}
	for attempt, bound := range map[int]time.Duration{1: 10 * time.Second, 2: 20 * time.Second, 3: 30 * time.Second, 60: 30 * time.Second} {
		if d := p.pause(attempt); d < bound/2 || d > bound {
			t.Errorf("pause %d is %s", attempt, d)
		}
	}
	bad := parsePolicy(map[string]string{
		"com.openfaas.retry.attempts": "-1", "com.openfaas.retry.codes": "503,x",
		"com.openfaas.retry.min_wait": "soon", "com.openfaas.retry.max_wait": "-3s",
	})
	if bad.Attempts != 0 || bad.Codes != nil || bad.MinWait != 0 || bad.MaxWait != 0 {
		t.Errorf("%+v, want the defaults", bad)
	}
	// Time must not overflow, whatever is asked for.
	far := parsePolicy(map[string]string{"com.openfaas.retry.min_wait": "9000h", "com.openfaas.retry.max_wait": "9000h"})
	if d := far.pause(1000); d <= 0 || d > maxWait {
		t.Errorf("pause %s", d)
	}
}

// Seed: B20, B21
func TestJudge_Answers(t *testing.T) {
	old := lease.Message{Attempt: 9, Age: time.Hour}
	fresh := lease.Message{Attempt: 1}
	h := func(kv ...string) http.Header {
		header := http.Header{}
		for i := 0; i < len(kv); i += 2 {
			header.Set(kv[i], kv[i+1])
		}
		return header
	}
	for _, c := range []struct {
		name    string
		m       lease.Message
		a       answer
		want    lease.Verdict
		free    bool
		failing bool
		least   time.Duration
		code    string
	}{
		{"204", fresh, answer{status: 204}, lease.Done, false, false, 0, ""},
		{"500", fresh, answer{status: 500, header: h()}, lease.Retry, false, true, time.Second / 2, "status_500"},
		{"429 asks for time", fresh, answer{status: 429, header: h("Retry-After", "7")}, lease.Retry, false, true, 7 * time.Second, "status_429"},
		{"408", fresh, answer{status: 408, header: h()}, lease.Retry, false, true, 0, "status_408"},
		{"no answer", fresh, answer{code: "timeout", reason: "r"}, lease.Retry, false, true, 0, "timeout"},
		{"not deployed", fresh, answer{status: 404, header: h("X-OpenFaaS-Internal", "gateway")}, lease.Retry, false, true, 0, "status_404"},
		{"the function's 404", fresh, answer{status: 404, header: h()}, lease.Dead, false, false, 0, "status_404"},
		{"422", fresh, answer{status: 422, header: h(), body: []byte(`{"code":"bad_row","detail":"line 3"}`)}, lease.Dead, false, false, 0, "bad_row"},
		{"409", fresh, answer{status: 409, header: h()}, lease.Dead, false, false, 0, "status_409"},
		{"409 asks for time", old, answer{status: 409, header: h("Retry-After", "2")}, lease.Retry, true, false, 2 * time.Second, "status_409"},
		{"425 asks for time", old, answer{status: 425, header: h("Retry-After", "0")}, lease.Retry, true, false, time.Second / 2, "status_425"},
		{"spent", old, answer{status: 503, header: h()}, lease.Dead, false, true, 0, "status_503"},
		{"the last error is kept", old, answer{code: "timeout", reason: "r"}, lease.Dead, false, true, 0, "timeout"},
		{"never a request", fresh, answer{code: "bad_request", permanent: true}, lease.Dead, false, false, 0, "bad_request"},
	} {
		v := judge(c.m, Policy{}, c.a, time.Now())
		if v.Verdict != c.want || v.Free != c.free || v.failing != c.failing || v.Delay < c.least || v.Code != c.code {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
	// What a function asks for is bounded.
	if v := judge(fresh, Policy{}, answer{status: 503, header: h("Retry-After", "999999")}, time.Now()); v.Delay != MaxRetryAfter {
		t.Errorf("waits for %s", v.Delay)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "120", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "99999999999999999999"} {
		f.Add(s)
	}
	now := time.Now()
	f.Fuzz(func(t *testing.T, s string) {
		if d, _ := retryAfter(s, now); d < 0 || d > MaxRetryAfter {
			t.Errorf("%q: %s", s, d)
		}
	})
}
