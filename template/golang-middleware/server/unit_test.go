package server

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var discard = slog.New(slog.NewJSONHandler(io.Discard, nil))

// Seed: R12
func TestServer_Settings(t *testing.T) {
	read := func(kv ...string) (settings, []string) {
		return readSettings(func(k string) (string, bool) {
			for i := 0; i < len(kv); i += 2 {
				if kv[i] == k {
					return kv[i+1], true
				}
			}
			return "", false
		})
	}
	s, warned := read()
	if want := (settings{port: 8080, readTimeout: 30 * time.Second, writeTimeout: 30 * time.Second,
		execTimeout: 30 * time.Second, lock: "/tmp/.lock", metricsPort: 8081, connections: 1024}); s != want || len(warned) != 0 {
		t.Errorf("defaults %+v %v", s, warned)
	}
	s, warned = read("exec_timeout", "300", "port", "9", "log_call_id", "1", "ready_path", "r", "TMPDIR", "/t", "max_inflight", "7")
	if want := (settings{port: 9, readTimeout: 300 * time.Second, writeTimeout: 300 * time.Second,
		execTimeout: 300 * time.Second, logCallID: true, readyPath: "/r", lock: "/t/.lock", maxInflight: 7, metricsPort: 8081, connections: 1024}); s != want || len(warned) != 0 {
		t.Errorf("given %+v %v", s, warned)
	}
	for _, v := range []string{"0", "0s"} {
		if s, warned = read("exec_timeout", v); s.execTimeout != 0 || s.readTimeout != 0 || s.writeTimeout != 0 || len(warned) != 0 {
			t.Errorf("exec_timeout=%s: %+v %v", v, s, warned)
		}
		if d := (&server{settings: s}).drainTimeout(); d != maxDrain {
			t.Errorf("exec_timeout=%s drains for %s", v, d)
		}
	}
	s, _ = read("write_timeout", "1m", "read_timeout", "1ms")
	if s.writeTimeout != time.Minute || s.readTimeout != time.Millisecond {
		t.Errorf("own timeouts %+v", s)
	}
	for _, v := range []string{"x", "-1", "-1s", "10 s", "9223372036854775807", "9999999999", "1e3"} {
		if s, warned = read("exec_timeout", v); s.execTimeout != 30*time.Second && v != "9999999999" || s.execTimeout < 0 {
			t.Errorf("exec_timeout=%s: %v", v, s.execTimeout)
		} else if s.execTimeout == 30*time.Second && len(warned) != 1 {
			t.Errorf("exec_timeout=%s: warned %v", v, warned)
		}
	}
	if s, warned = read("write_timeout", "0", "port", "70000", "suppress_lock", "yes"); s.writeTimeout != 30*time.Second ||
		s.port != 8080 || s.suppressLock || len(warned) != 3 {
		t.Errorf("%+v %v", s, warned)
	}
}

func TestServer_TraceID(t *testing.T) {
	const id, good = "4bf92f3577b34da6a3ce929d0e0e4736", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for header, want := range map[string]string{
		good: id, "cc" + good[2:] + "-more": id, good + "-more": "", "ff" + good[2:]: "", good[:54]: "",
		strings.ToUpper(good): "", strings.Replace(good, id, strings.Repeat("0", 32), 1): "",
		strings.Replace(good, "00f067aa0ba902b7", strings.Repeat("0", 16), 1): "", "": "",
	} {
		if got := traceID(http.Header{traceHeader: {header}}); got != want {
			t.Errorf("%q: %q", header, got)
		}
	}
	if traceID(http.Header{traceHeader: {good, good}}) != "" {
		t.Error("two headers")
	}
}

func TestServer_Seconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.000000", -time.Second: "0.000000", time.Microsecond: "0.000001", 1500 * time.Millisecond: "1.500000",
		time.Hour + 999999*time.Microsecond: "3600.999999",
	} {
		if got := string(appendSeconds(nil, d)); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

func FuzzLogLine(f *testing.F) {
	f.Add("/a\nb", "\x1b[31m\u2028\u202e\x9b\xff", "id")
	f.Add("/\U000e0001", `"\`, "")
	f.Fuzz(func(t *testing.T, path, value, id string) {
		var out bytes.Buffer
		l := lines{out: &out}
		l.write(line{at: time.Now(), method: value, path: path, status: 200, callID: id, trace: value, trouble: value, panicked: path, stack: value})
		l.flush()
		raw := out.Bytes()
		var back map[string]any
		if bytes.Count(raw, []byte("\n")) != 1 || raw[len(raw)-1] != '\n' || json.Unmarshal(raw, &back) != nil {
			t.Fatalf("not one JSON line: %q", raw)
		}
		if bytes.ContainsAny(raw[:len(raw)-1], "\x00\x1b\x7f\r\u0085\u2028\u2029\u202e") {
			t.Fatalf("unsafe: %q", raw)
		}
		if len(path) <= maxPath && utf8.ValidString(path) && back["path"] != path {
			t.Fatalf("%q became %q", path, back["path"])
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("10s", "id", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("-9223372036854775808ns", "é", "")
	f.Fuzz(func(t *testing.T, timeout, id, trace string) {
		h := http.Header{timeoutHeader: {timeout}, callIDHeader: {id}, traceHeader: {trace}}
		if d := shorter(h, time.Minute); d <= 0 || d > time.Minute {
			t.Errorf("X-Timeout %q gave %v", timeout, d)
		}
		if got := takeCallID(h); !validCallID(got) || h.Get(callIDHeader) != got {
			t.Errorf("call id %q", got)
		}
		if got := traceID(h); got != "" && len(got) != 32 {
			t.Errorf("trace id %q", got)
		}
	})
}
