package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var (
	uuid    = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seconds = regexp.MustCompile(`^[0-9]+\.[0-9]{6}$`)
)

func TestServer_Probes(t *testing.T) {
	f := start(t)
	if a := f.get("/_/health"); a.StatusCode != 200 || a.body != "OK" {
		t.Errorf("health: %d %q", a.StatusCode, a.body)
	}
	if a := f.get("/_/ready"); a.StatusCode != 200 || a.body != "" {
		t.Errorf("ready: %d %q", a.StatusCode, a.body)
	}
	for _, m := range []string{"HEAD", "POST", "PUT"} {
		if a, err := f.do(m, "/_/health", ""); err != nil || a.StatusCode != 405 {
			t.Errorf("%s health: %v %v", m, a.Response, err)
		}
	}
	lock := filepath.Join(f.tmp, ".lock")
	if i, err := os.Stat(lock); err != nil || i.Mode().Perm()&^0o660 != 0 {
		t.Errorf("lock file: %v %v", i, err)
	}
	os.Remove(lock)
	if a := f.get("/_/health"); a.StatusCode != 503 || a.body != "" {
		t.Errorf("health without lock file: %d %q", a.StatusCode, a.body)
	}
	f.get("/other")
	f.stop()
	if n := len(f.said("request")); n != 1 {
		t.Errorf("%d request lines, want the one that is no probe", n)
	}
}

func TestServer_ReadyPathAsksTheHandler(t *testing.T) {
	f := start(t, "ready_path=/echo", "suppress_lock=true")
	if a := f.get("/_/ready?x=y"); a.StatusCode != 200 || a.Header.Get("X-Seen-Call-Id") == "" {
		t.Errorf("%v", a.Response)
	}
	if a := f.get("/_/health"); a.StatusCode != 200 {
		t.Errorf("health with suppress_lock: %d", a.StatusCode)
	}
	if _, err := os.Stat(filepath.Join(f.tmp, ".lock")); err == nil {
		t.Error("lock file made in spite of suppress_lock")
	}
}

func TestServer_LockFileMustBeWritable(t *testing.T) {
	f := begin(t, nil, "TMPDIR=/nowhere/at/all", "port=0")
	<-f.exited
	if f.ProcessState.ExitCode() != 1 || len(f.said("function server")) != 1 {
		t.Errorf("%v, lines %v", f.err, f.lines)
	}
}

func TestServer_CallID(t *testing.T) {
	f := start(t)
	for id, kept := range map[string]bool{
		"a": true, "0b9c1b1e-6a37-4b6e-9f0a-0123456789ab": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a/b": false, "é": false, "a\tb": false, "a_b": false,
		`"}{`: false,
	} {
		a := f.get("/echo", "X-Call-Id", id)
		got, seen := a.Header.Get("X-Call-Id"), a.Header.Get("X-Seen-Call-Id")
		if got != seen || kept && got != id || !kept && !uuid.MatchString(got) {
			t.Errorf("%q: answered %q, handler saw %q", id, got, seen)
		}
		if d := a.Header.Get("X-Duration-Seconds"); !seconds.MatchString(d) {
			t.Errorf("X-Duration-Seconds %q", d)
		}
	}
	a := f.get("/echo", "X-Call-Id", "one", "X-Call-Id", "two")
	if !uuid.MatchString(a.Header.Get("X-Call-Id")) || len(a.Header.Values("X-Call-Id")) != 1 {
		t.Errorf("two ids: %v", a.Header.Values("X-Call-Id"))
	}
	if a := f.get("/nothing"); a.StatusCode != 200 || !uuid.MatchString(a.Header.Get("X-Call-Id")) {
		t.Errorf("handler that writes nothing: %v", a.Response)
	}
}

func TestServer_XTimeoutOnlyShortens(t *testing.T) {
	f := start(t, "exec_timeout=100s")
	for sent, want := range map[string]string{
		"": "1m40s", "10s": "10s", "1m": "1m0s", "100s": "1m40s", "101s": "1m40s", "1000h": "1m40s",
		"0": "1m40s", "0s": "1m40s", "-1s": "1m40s", "10": "1m40s", "junk": "1m40s", "NaN": "1m40s",
		"99999999999999999999h": "1m40s", "1e3s": "1m40s", "+20s": "20s", "10s, 5s": "1m40s",
	} {
		if a := f.get("/deadline", "X-Timeout", sent); a.body != "true "+want+"\n" {
			t.Errorf("X-Timeout %q: %q, want %s", sent, a.body, want)
		}
	}
	if a := f.get("/deadline", "X-Timeout", "10s", "X-Timeout", "20s"); a.body != "true 1m40s\n" {
		t.Errorf("two values: %q", a.body)
	}
}

func TestServer_NoLimitUntilTheCallerAsks(t *testing.T) {
	f := start(t, "exec_timeout=0")
	if a := f.get("/deadline"); !strings.HasPrefix(a.body, "false") {
		t.Errorf("%q", a.body)
	}
	if a := f.get("/deadline", "X-Timeout", "7s"); a.body != "true 7s\n" {
		t.Errorf("%q", a.body)
	}
}

func TestServer_TimeoutIs504(t *testing.T) {
	f := start(t)
	for _, path := range []string{"/wait", "/deaf"} {
		for _, method := range []string{"POST", "HEAD"} {
			a, err := f.do(method, path, "body", "X-Timeout", "50ms", "X-Call-Id", "late-1")
			if err != nil || a.StatusCode != 504 || a.Header.Get("X-OpenFaaS-Internal") != "of-watchdog" ||
				a.Header.Get("X-Call-Id") != "late-1" || !seconds.MatchString(a.Header.Get("X-Duration-Seconds")) {
				t.Fatalf("%s: %+v %v", path, a.Response, err)
			}
			var p map[string]any
			if err := json.Unmarshal([]byte(a.body), &p); method == "POST" && (err != nil || p["code"] != "exec_timeout" || p["call_id"] != "late-1") {
				t.Errorf("%s: %q", path, a.body)
			}
		}
	}
	if l := f.await("deaf")[0]; l["error"] != http.ErrHandlerTimeout.Error() {
		t.Errorf("the late write got %v", l["error"])
	}
	for _, l := range f.await("request", 4) {
		if l["status"] != 504.0 || l["error"] != "exec_timeout" || l["level"] != "ERROR" || l["call_id"] != "late-1" {
			t.Errorf("line %v", l)
		}
	}
}

// A big body that nobody reads must not turn the 504 into a reset.
func TestServer_TimeoutWhileTheBodyStillComes(t *testing.T) {
	f := start(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /wait HTTP/1.1\r\nHost: x\r\nX-Timeout: 50ms\r\nContent-Length: 100000000\r\n\r\n%s", strings.Repeat("x", 100_000))
	got, err := io.ReadAll(conn)
	if !strings.HasPrefix(string(got), "HTTP/1.1 504 ") {
		t.Errorf("%.200q %v", got, err)
	}
}

func TestServer_TimeoutAfterTheFirstByteBreaksTheConnection(t *testing.T) {
	f := start(t)
	a, err := f.do("GET", "/drip", "", "X-Timeout", "50ms")
	if err == nil || a.Response == nil || a.StatusCode != 200 || !strings.HasPrefix(a.body, "data: x") {
		t.Errorf("%v %v", a.Response, err)
	}
	if l := f.await("request")[0]; l["error"] != "exec_timeout" || l["status"] != 200.0 {
		t.Errorf("line %v", l)
	}
}

func TestServer_BrokenHandlersAre500(t *testing.T) {
	f := start(t)
	for _, path := range []string{"/panic?say=tok%0aen", "/panic-nil", "/panic-abort", "/goexit", "/bad-status"} {
		a, err := f.do("POST", path, "body", "X-Call-Id", "broken-1")
		var p map[string]any
		if err != nil || a.StatusCode != 500 || a.Header.Get("X-Call-Id") != "broken-1" ||
			a.Header.Get("X-OpenFaaS-Internal") != "of-watchdog" ||
			json.Unmarshal([]byte(a.body), &p) != nil || p["code"] != "panic" || p["call_id"] != "broken-1" {
			t.Errorf("%s: %+v %q %v", path, a.Response, a.body, err)
		}
		if strings.Contains(a.body, "purpose") {
			t.Errorf("the panic's text reached the caller: %q", a.body)
		}
	}
	if a, err := f.do("GET", "/panic-late", ""); err == nil || a.StatusCode != 200 || a.body != "half of it" {
		t.Errorf("after the first byte: %v %v", a.Response, err)
	}
	if a := f.get("/ok"); a.StatusCode != 200 {
		t.Errorf("the next call: %d", a.StatusCode)
	}
	l := f.await("request", 7)
	if !strings.Contains(l[0]["panic"].(string), "tok\nen") || !strings.Contains(l[0]["stack"].(string), "handler.go") {
		t.Errorf("line %v", l[0])
	}
}

func TestServer_MaxInflight(t *testing.T) {
	f := start(t, "max_inflight=1")
	gate := filepath.Join(f.tmp, "gate")
	os.WriteFile(gate, nil, 0o600)
	in, err := http.Get(f.url + "/gate")
	if err != nil {
		t.Fatal(err)
	}
	a := f.get("/ok")
	if a.StatusCode != 429 || a.body != "Concurrent request limit exceeded. Max concurrent requests: 1\n" ||
		a.Header.Get("Retry-After") == "" || a.Header.Get("X-OpenFaaS-Internal") != "faas-middleware" ||
		!strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%+v %q", a.Response, a.body)
	}
	if a := f.get("/_/ready"); a.StatusCode != 429 {
		t.Errorf("ready: %d", a.StatusCode)
	}
	os.Remove(gate)
	io.Copy(io.Discard, in.Body)
	in.Body.Close()
	f.await("request", 2)
	if a := f.get("/_/ready"); a.StatusCode != 200 {
		t.Errorf("ready afterwards: %d", a.StatusCode)
	}
	if a := f.get("/ok"); a.StatusCode != 200 {
		t.Errorf("afterwards: %d", a.StatusCode)
	}
}

func TestServer_DrainFinishesWhatIsInFlight(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		f := start(t, "healthcheck_interval=1h")
		gate := filepath.Join(f.tmp, "gate")
		os.WriteFile(gate, nil, 0o600)
		in, err := http.Get(f.url + "/gate")
		if err != nil {
			t.Fatal(err)
		}
		f.Process.Signal(sig)
		f.await("draining")
		if _, err := os.Stat(filepath.Join(f.tmp, ".lock")); err == nil {
			t.Error("the lock file is still there")
		}
		os.Remove(gate)
		body, err := io.ReadAll(in.Body)
		if err != nil || string(body) != "in\nout\n" {
			t.Errorf("%q %v", body, err)
		}
		<-f.exited
		if f.err != nil {
			t.Errorf("exit: %v", f.err)
		}
	}
}

func TestServer_SecondSignalForces(t *testing.T) {
	f := start(t)
	os.WriteFile(filepath.Join(f.tmp, "gate"), nil, 0o600)
	in, err := http.Get(f.url + "/gate")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Body.Close()
	f.Process.Signal(syscall.SIGTERM)
	f.await("draining")
	f.Process.Signal(syscall.SIGTERM)
	<-f.exited
	if f.ProcessState.ExitCode() != 1 {
		t.Errorf("exit: %v", f.err)
	}
}

func TestServer_StreamsAsItIsWritten(t *testing.T) {
	f := start(t)
	gate := filepath.Join(f.tmp, "gate")
	os.WriteFile(gate, nil, 0o600)
	res, err := http.Get(f.url + "/gate")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 3)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "in\n" {
		t.Fatalf("%q %v", first, err) // read while the handler still waits
	}
	os.Remove(gate)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "out\n" {
		t.Errorf("%q %v", rest, err)
	}
}
