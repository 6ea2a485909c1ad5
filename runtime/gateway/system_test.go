package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/wire"
)

// step sends an operator's request and judges the answer.
func (r *rig) step(t *testing.T, method, path, body string, want int, contains string) {
	t.Helper()
	res, got := r.do(t, method, path, body, true)
	if res.StatusCode != want || !strings.Contains(got, contains) {
		t.Errorf("%s %s %s: %d %s; want %d %s", method, path, body, res.StatusCode, got, want, contains)
	}
	if want >= 400 {
		var p wire.Problem
		if json.Unmarshal([]byte(got), &p) != nil || p.Code == "" || p.CallID != res.Header.Get(wire.CallID) {
			t.Errorf("%s %s %s: no problem with a code and the call id: %s", method, path, body, got)
		}
	}
}

func TestSystem_ScalingGoesToZeroAndBack(t *testing.T) {
	r := open(t, echo)
	r.step(t, "POST", "/system/scale-function/echo", `{"serviceName":"echo","replicas":3,"namespace":"openfaas-fn"}`, 202, "")
	if n := r.p.functions["echo"].Replicas; n != 3 {
		t.Errorf("%d replicas, want 3", n)
	}
	r.step(t, "POST", "/system/scale-function/echo", `{"serviceName":"echo","replicas":0}`, 202, "")
	if n := r.p.functions["echo"].Replicas; n != 0 {
		t.Errorf("%d replicas, want 0", n)
	}
	r.step(t, "POST", "/system/scale-function/echo.openfaas-fn", `{"replicas":1}`, 202, "")
	r.step(t, "POST", "/system/scale-function/echo", `{"serviceName":"echo"}`, 400, "replicas is required")
	r.step(t, "POST", "/system/scale-function/echo", `{"replicas":-1}`, 400, "bad_json")
	r.step(t, "POST", "/system/scale-function/echo", `{"replicas":70000}`, 400, "bad_json")
	r.step(t, "POST", "/system/scale-function/echo", `{"serviceName":"other","replicas":1}`, 400, "bad_request")
	r.step(t, "POST", "/system/scale-function/echo", `{"replicas":1,"namespace":"x"}`, 400, "bad_namespace")
	r.step(t, "POST", "/system/scale-function/nope", `{"replicas":1}`, 404, "function_not_found")
	r.step(t, "GET", "/system/scale-function/echo", "", 405, "")
}

func TestSystem_AlertsScaleWithinTheLabels(t *testing.T) {
	r := open(t, echo)
	send := func(status string, want uint64) {
		t.Helper()
		r.step(t, "POST", "/system/alert", `{"version":"4","alerts":[{"status":"`+status+`","labels":{"alertname":"x","function_name":"echo.openfaas-fn"}}]}`, 200, "")
		if n := r.p.functions["echo"].Replicas; n != want {
			t.Errorf("%s: %d replicas, want %d", status, n, want)
		}
	}
	label := func(m map[string]string) {
		f := r.p.functions["echo"]
		f.Labels, f.Replicas = &m, 2
		r.p.functions["echo"] = f
	}
	label(map[string]string{"com.openfaas.scale.min": "2", "com.openfaas.scale.max": "10", "com.openfaas.scale.factor": "25"})
	for _, want := range []uint64{5, 8, 10, 10} { // a step is 3, rounded up
		send("firing", want)
	}
	send("resolved", 2)
	label(map[string]string{"com.openfaas.scale.factor": "0"}) // scaling by alerts is off
	send("firing", 2)
	label(map[string]string{"com.openfaas.scale.max": "many"})
	send("firing", 6) // by the defaults: 20 percent of 20
	send("resolved", 1)

	r.step(t, "POST", "/system/alert", `{`, 400, "Unable to parse alert, bad format.")
	r.step(t, "POST", "/system/alert", `{}`, 400, "bad_alert")
	r.step(t, "POST", "/system/alert", `{"alerts":[]}`, 200, "")
	// One that names nothing does not keep the others from being heard.
	r.step(t, "POST", "/system/alert", `{"alerts":[{"status":"firing","labels":{"function_name":"nope"}},{"status":"firing","labels":{"function_name":"echo"}}]}`, 404, "function_not_found")
	if n := r.p.functions["echo"].Replicas; n != 5 {
		t.Errorf("%d replicas, want 5", n)
	}
}

func TestSystem_ThereIsOneNamespace(t *testing.T) {
	r := open(t, echo)
	one := `{"name":"openfaas-fn","labels":{"openfaas":"1"},"annotations":{"openfaas":"1"}}`
	other := `{"name":"other","labels":{"openfaas":"1"}}`
	r.step(t, "GET", "/system/namespaces", "", 200, `["openfaas-fn"]`)
	r.step(t, "GET", "/system/namespace/openfaas-fn", "", 200, `"name":"openfaas-fn"`)
	r.step(t, "GET", "/system/namespace/other", "", 404, "namespace_not_found")
	r.step(t, "POST", "/system/namespace/", one, 409, "namespace_exists")
	r.step(t, "POST", "/system/namespace/", other, 422, "one_namespace")
	r.step(t, "POST", "/system/namespace/", `{"name":"other"}`, 400, "request does not have openfaas=1 label")
	r.step(t, "PUT", "/system/namespace/openfaas-fn", one, 422, "one_namespace")
	r.step(t, "DELETE", "/system/namespace/openfaas-fn", one, 422, "one_namespace")
	r.step(t, "DELETE", "/system/namespace/other", other, 404, "namespace_not_found")
	r.step(t, "DELETE", "/system/namespace/other", one, 400, "bad_request")
	r.step(t, "GET", "/system/namespace", "", 405, "")
	r.step(t, "POST", "/system/namespace", one, 409, "namespace_exists") // no redirect
	r.step(t, "GET", "/system/telemetry", "", 404, "no_route")
}

func TestSystem_LogsOfOneCall(t *testing.T) {
	r := open(t, echo)
	for _, line := range []string{`{"call_id":"a-1","n":1}`, `{"call_id":"b-2"}`, `{"call_id":"a-1","n":2}`, "a plain line", `{"call_id":"a-1","n":3}`} {
		r.logs.WriteLine("echo", Namespace, "i-1", line)
	}
	_, body := r.do(t, "GET", "/system/logs?name=echo&call_id=a-1", "", true)
	if strings.Count(body, "\n") != 3 || strings.Contains(body, "b-2") {
		t.Errorf("%s", body)
	}
	// The newest lines of the call, not those of the newest lines that are its.
	_, body = r.do(t, "GET", "/system/logs?name=echo&call_id=a-1&tail=2", "", true)
	if strings.Count(body, "\n") != 2 || !strings.Contains(body, `\"n\":2`) || !strings.Contains(body, `\"n\":3`) {
		t.Errorf("%s", body)
	}
	if res, _ := r.do(t, "GET", "/system/logs?name=echo&call_id=%22", "", true); res.StatusCode != 422 {
		t.Errorf("a call id that is none: %d", res.StatusCode)
	}
}

// internalEcho marks echo as internal and gives the store's key.
func (r *rig) internalEcho(t *testing.T) string {
	t.Helper()
	r.p.functions["echo"] = types.FunctionStatus{Name: "echo", Annotations: &map[string]string{"fnstore.internal": "true"}}
	key := strings.Repeat("k", 32)
	if err := r.g.cfg.Secrets.Create("event-key", []byte(key)); err != nil {
		t.Fatal(err)
	}
	return key
}

func send(t *testing.T, req *http.Request) *http.Response {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}
