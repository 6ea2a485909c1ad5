package gateway

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Nothing under /system or /ui answers without the password, in any spelling.
func TestOperator_TheOperatorsRoutesAreClosed(t *testing.T) {
	r := open(t, echo)
	for _, path := range []string{
		"/system/functions", "/system/info", "/system/secrets", "/system/namespaces", "/system/logs?name=echo", "/system/function/echo", "/ui/", "/ui/x",
		"/system//functions", "/system/%66unctions", "/system/", "//system/functions", "/System/functions", "/system;x/functions", "/%73ystem/functions",
		"/system/functions/", "/system/functions%00", "/x/../system/functions", "/system/x/../functions",
	} {
		for _, auth := range []string{"", "Authorization: Bearer \r\n", "Authorization: Basic YWRtaW46\r\n", "Authorization: Basic %%%\r\n", "Authorization: Basic OmNvcnJlY3QgaG9yc2U=\r\n"} {
			res, body := r.raw(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\n"+auth+"Connection: close\r\n\r\n")
			if res.StatusCode != 401 && res.StatusCode != 404 && res.StatusCode != 400 {
				t.Errorf("%q with %q: %d %s", path, auth, res.StatusCode, body)
			}
		}
	}
	if res, _ := r.do(t, "GET", "/system/functions", "", false); res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") != `Basic realm="Restricted"` {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if res, _ := r.do(t, "GET", "/healthz", "", false); res.StatusCode != 200 {
		t.Errorf("healthz %d", res.StatusCode)
	}
	if res, _ := r.do(t, "GET", "/", "", false); res.StatusCode != 307 || res.Header.Get("Location") != "/ui/" {
		t.Errorf("/: %d %v", res.StatusCode, res.Header)
	}
}

// Seed: R28
func TestOperator_SystemSpeaksAsClientsExpect(t *testing.T) {
	r := open(t, echo)
	step := func(method, path, body string, want int, contains string) {
		t.Helper()
		res, got := r.do(t, method, path, body, true)
		if res.StatusCode != want || !strings.Contains(got, contains) {
			t.Errorf("%s %s %s: %d %s; want %d %s", method, path, body, res.StatusCode, got, want, contains)
		}
	}
	step("GET", "/system/functions", "", 200, `"name":"echo"`)
	step("GET", "/system/functions?namespace=openfaas-fn", "", 200, `"createdAt"`)
	step("GET", "/system/functions?namespace=x", "", 400, "bad_namespace")
	step("PUT", "/system/functions", `{"service":"new","image":"i"}`, 404, "function_not_found")
	step("POST", "/system/functions", `{"service":"new","image":"i","network":"legacy","labels":{"a":"b"}}`, 202, "")
	step("PUT", "/system/functions", `{"service":"new","image":"j"}`, 202, "")
	step("POST", "/system/functions", `{`, 400, "bad_json")
	step("GET", "/system/function/new?usage=1", "", 200, `"image":"j"`)
	step("GET", "/system/function/nope", "", 404, "function_not_found")
	step("DELETE", "/system/functions", `{"functionName":"new"}`, 202, "")
	step("DELETE", "/system/functions", `{"functionName":"new"}`, 404, "")
	step("GET", "/system/namespaces", "", 200, `["openfaas-fn"]`)
	step("GET", "/system/info", "", 200, `"release":"1.2.3"`)
	step("GET", "/system/secrets", "", 200, `[]`)
	step("POST", "/system/secrets", `{"name":"k","value":"v"}`, 202, "")
	step("POST", "/system/secrets", `{"name":"k","value":"v"}`, 409, "secret_exists")
	step("GET", "/system/secrets?namespace=openfaas-fn", "", 200, `[{"name":"k","namespace":"openfaas-fn"}]`)
	step("PUT", "/system/secrets", `{"name":"k","value":"v","rawValue":"cmF3"}`, 202, "")
	step("PUT", "/system/secrets", `{"name":"absent","value":"v"}`, 404, "secret_not_found")
	step("POST", "/system/secrets", `{"name":"../k","value":"v"}`, 400, "bad_secret_name")
	step("POST", "/system/secrets", `{"name":"empty","value":""}`, 400, "secret_empty")
	if b, _ := r.g.cfg.Secrets.Read("k"); string(b) != "raw" {
		t.Errorf("rawValue did not win: %q", b)
	}
	step("DELETE", "/system/secrets", `{"name":"k"}`, 202, "")
	step("DELETE", "/system/secrets", `{"name":"k"}`, 404, "")
	step("PATCH", "/system/functions", "", 405, "")
}

func TestOperator_LogsAreLinesOfJSON(t *testing.T) {
	r := open(t, echo)
	for i := range 5 {
		r.logs.WriteLine("echo", Namespace, "i-1", fmt.Sprint("line ", i))
	}
	res, body := r.do(t, "GET", "/system/logs?name=echo&tail=2&follow=0", "", true)
	if res.Header.Get("Content-Type") != "application/x-ndjson" || strings.Count(body, "\n") != 2 || !strings.Contains(body, "line 4") {
		t.Errorf("%v %s", res.Header, body)
	}
	for q, want := range map[string]int{"name=nope": 404, "name=echo&tail=x": 422, "name=echo&since=yesterday": 422, "": 400, "name=echo&tail=-1": 200, "name=echo&tail=x&tail=1": 200} {
		if res, body := r.do(t, "GET", "/system/logs?"+q, "", true); res.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", q, res.StatusCode, body, want)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", r.URL+"/system/logs?name=echo&follow=1&tail=1", nil)
	req.SetBasicAuth("admin", password)
	follow, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer follow.Body.Close()
	lines := bufio.NewScanner(follow.Body)
	lines.Scan()
	r.logs.WriteLine("echo", Namespace, "i-1", "live \x1b[31m\"\n")
	if !lines.Scan() || !strings.Contains(lines.Text(), `live`) {
		t.Errorf("followed %q", lines.Text())
	}
}
