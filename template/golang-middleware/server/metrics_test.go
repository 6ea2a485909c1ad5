package server_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, address string) (text, kind string) {
	t.Helper()
	res, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%d %v", res.StatusCode, err)
	}
	return string(b), res.Header.Get("Content-Type")
}

// The names, labels and buckets are those that dashboards for of-watchdog ask for.
func TestMetrics(t *testing.T) {
	ln, requests := listener(t)
	shown, metrics := listener(t)
	f := begin(t, []*os.File{metrics, requests}, "LISTEN_FDS=2", "LISTEN_FDNAMES=metrics:http", "max_inflight=1")
	f.url = "http://" + ln.Addr().String()
	f.await("listening")

	os.WriteFile(f.tmp+"/gate", nil, 0o600)
	inside, err := http.Get(f.url + "/gate")
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := scrape(t, shown.Addr().String()); !strings.Contains(text, "\nhttp_requests_in_flight 1\n") {
		t.Errorf("one is in flight:\n%s", text)
	}
	if a := f.get("/"); a.StatusCode != 429 {
		t.Errorf("%d", a.StatusCode)
	}
	os.Remove(f.tmp + "/gate")
	io.Copy(io.Discard, inside.Body)
	inside.Body.Close()
	f.await("request", 2)

	f.get("/_/health")
	f.get("/_/ready")
	for range 3 {
		f.do("POST", "/echo", "body")
	}
	f.do("PROPFIND", "/", "")
	f.get("/panic")
	f.get("/wait", "X-Timeout", "10ms")
	f.await("request", 8)

	// The line of a 504 is out before its handler has come back.
	text, kind := scrape(t, shown.Addr().String())
	for bound := time.Now().Add(20 * time.Second); !strings.Contains(text, "in_flight 0\n") && time.Now().Before(bound); {
		text, kind = scrape(t, shown.Addr().String())
	}
	if kind != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("Content-Type %q", kind)
	}
	for _, want := range []string{
		"# TYPE http_requests_total counter", "# TYPE http_request_duration_seconds histogram", "# TYPE http_requests_in_flight gauge",
		`http_requests_total{code="200",method="get"} 1`, `http_requests_total{code="200",method="post"} 3`,
		`http_requests_total{code="429",method="get"} 1`, `http_requests_total{code="500",method="get"} 1`,
		`http_requests_total{code="504",method="get"} 1`, `http_requests_total{code="200",method="unknown"} 1`,
		`http_request_duration_seconds_bucket{code="200",method="post",le="+Inf"} 3`,
		`http_request_duration_seconds_count{code="200",method="post"} 3`, "http_requests_in_flight 0",
	} {
		if !strings.Contains("\n"+text, "\n"+want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if !strings.Contains(text, "# TYPE fnstore_test_total counter\nfnstore_test_total{kind=\"a\"} 2\n") || strings.Contains(text, "kind=\"text\"") || strings.Contains(text, "secret") {
		t.Errorf("the handler's own metrics:\n%s", text)
	}
	if !strings.Contains(text, "\n# TYPE torture_things gauge\ntorture_things 7\n") {
		t.Errorf("no lines of a variable that writes its own:\n%s", text)
	}
	if n := strings.Count(text, `_bucket{code="200",method="post",`); n != 12 {
		t.Errorf("%d buckets", n)
	}
	for path, want := range map[string]int{"/": 404, "/metrics/x": 404} {
		if res, err := http.Get("http://" + shown.Addr().String() + path); err != nil || res.StatusCode != want {
			t.Errorf("%s: %v %v", path, res, err)
		}
	}
	f.stop()
}

// Many functions of one machine are handed their listeners; they must not meet
// on one port.
func TestMetrics_AreOffBesideAnInheritedListener(t *testing.T) {
	f := start(t)
	if l := f.said("metrics"); len(l) != 0 {
		t.Errorf("%v", l)
	}
}

func TestMetrics_TakenMetricsPortCostsTheMetricsOnly(t *testing.T) {
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	f := begin(t, nil, "port=0", "metrics_port="+port)
	f.await("listening")
	var warned bool
	for _, l := range f.lines {
		warned = warned || l["level"] == "WARN" && strings.Contains(fmt.Sprint(l["msg"]), "no metrics")
	}
	if !warned {
		t.Errorf("lines %v", f.lines)
	}
	taken.Close()
	f = begin(t, nil, "port=0", "metrics_port="+port)
	f.await("listening")
	if text, _ := scrape(t, "127.0.0.1:"+port); !strings.Contains(text, "http_requests_in_flight 0") {
		t.Errorf("%s", text)
	}
	for _, off := range []string{"metrics_port=0", "metrics_port="} {
		f := begin(t, nil, "port=0", off)
		f.await("listening")
		if l := f.said("metrics"); len(l) != 0 {
			t.Errorf("%s: %v", off, l)
		}
	}
}

// Tokens that nobody checks must not look checked.
func TestMetrics_RefusesToServeOpenWhatShouldBeChecked(t *testing.T) {
	for _, v := range []string{"true", "1", "yes"} {
		f := begin(t, nil, "port=0", "metrics_port=0", "jwt_auth="+v)
		select {
		case <-f.exited:
		case <-time.After(20 * time.Second):
			t.Fatal("it serves")
		}
		if l := f.said("function server"); f.ProcessState.ExitCode() != 1 || len(l) != 1 || !strings.Contains(fmt.Sprint(l[0]["error"]), "jwt_auth") {
			t.Errorf("jwt_auth=%s: %v %v", v, f.err, f.lines)
		}
	}
}
