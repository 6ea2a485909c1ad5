// Package sdk holds the store against the libraries that other people's
// programs are built on: go-sdk, every method of its client, and a connector
// made of connector-sdk. It knows the store by its URL and password alone.
package sdk

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"
	"github.com/openfaas/go-sdk"

	"fnstore/tests/storetest"
)

// patience bounds a wait for what must happen; nothing is expected to take so
// long.
const patience = time.Minute

func client(t *testing.T, s *storetest.Store, password string) *sdk.Client {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return sdk.NewClientWithOpts(u, http.DefaultClient, sdk.WithAuthentication(&sdk.BasicAuth{Username: s.User, Password: password}))
}

// until repeats a question until its answer is yes.
func until(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !yes() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%s: not after %s", what, patience)
		}
	}
}

// Every method of the client, in the order in which a program would use them.
func TestGoSDK(t *testing.T) {
	s := storetest.Start(t)
	c := client(t, s, s.Password)
	t.Run("info", func(t *testing.T) { info(t, c) })
	t.Run("namespaces", func(t *testing.T) { namespaces(t, c) })
	t.Run("secrets", func(t *testing.T) { secrets(t, c) })
	t.Run("functions", func(t *testing.T) { functions(t, s, c) })
	t.Run("calls", func(t *testing.T) { calls(t, c) })
	t.Run("logs", func(t *testing.T) { logs(t, c) })
	t.Run("refused", func(t *testing.T) { refused(t, client(t, s, "not-it")) })
	t.Run("connector", func(t *testing.T) { connector(t, s, c) })
}

func info(t *testing.T, c *sdk.Client) {
	i, err := c.GetInfo(t.Context())
	if err != nil || i.Provider.Provider != "fnstore" || i.Arch == "" {
		t.Errorf("%+v %v", i, err)
	}
}

// There is one namespace. It can be looked at, and no other can be made.
func namespaces(t *testing.T, c *sdk.Client) {
	list, err := c.GetNamespaces(t.Context())
	if err != nil || !slices.Equal(list, []string{"openfaas-fn"}) {
		t.Errorf("%v %v", list, err)
	}
	if ns, err := c.GetNamespace(t.Context(), "openfaas-fn"); err != nil || ns.Name != "openfaas-fn" {
		t.Errorf("%+v %v", ns, err)
	}
	if _, err := c.GetNamespace(t.Context(), "other"); err == nil {
		t.Error("a namespace that nobody made is there")
	}
	if _, err := c.CreateNamespace(t.Context(), types.FunctionNamespace{Name: "other"}); err == nil {
		t.Error("a second namespace was made")
	}
	if _, err := c.UpdateNamespace(t.Context(), types.FunctionNamespace{Name: "openfaas-fn"}); err == nil {
		t.Error("the namespace was changed")
	}
	if err := c.DeleteNamespace(t.Context(), "openfaas-fn"); err == nil {
		t.Error("the namespace was removed")
	}
}

func secrets(t *testing.T, c *sdk.Client) {
	secret := types.Secret{Name: "sdk-key", Namespace: "openfaas-fn", Value: "one"}
	if status, err := c.CreateSecret(t.Context(), secret); err != nil {
		t.Fatalf("create: %d %v", status, err)
	}
	if status, err := c.CreateSecret(t.Context(), secret); err == nil || status != http.StatusConflict {
		t.Errorf("create again: %d %v", status, err)
	}
	list, err := c.GetSecrets(t.Context(), "openfaas-fn")
	i := slices.IndexFunc(list, func(s types.Secret) bool { return s.Name == "sdk-key" })
	if err != nil || i < 0 || list[i].Value != "" || list[i].RawValue != nil {
		t.Errorf("list: %+v %v", list, err)
	}
	secret.Value = "two"
	if status, err := c.UpdateSecret(t.Context(), secret); err != nil {
		t.Errorf("update: %d %v", status, err)
	}
	if err := c.DeleteSecret(t.Context(), "sdk-key", "openfaas-fn"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := c.DeleteSecret(t.Context(), "sdk-key", "openfaas-fn"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("delete again: %v", err)
	}
}

func functions(t *testing.T, s *storetest.Store, c *sdk.Client) {
	list, err := c.GetFunctions(t.Context(), "openfaas-fn")
	if err != nil || len(list) < 2 {
		t.Fatalf("list: %+v %v", list, err)
	}
	spec := types.FunctionDeployment{
		Service: "sdk", Image: s.Env["FNSTORE_REGISTRY"] + "/fnstore/hello:dev", Namespace: "openfaas-fn",
		EnvVars: map[string]string{"greeting": "hi"}, Labels: &map[string]string{"tier": "demo"}, Annotations: &map[string]string{"topic": "greetings"},
		Limits: &types.FunctionResources{Memory: "64Mi"},
	}
	if status, err := c.Update(t.Context(), spec); err == nil || status != http.StatusNotFound {
		t.Errorf("update what is not there: %d %v", status, err)
	}
	if status, err := c.Deploy(t.Context(), spec); err != nil {
		t.Fatalf("deploy: %d %v", status, err)
	}
	await := func(replicas uint64) types.FunctionStatus {
		var f types.FunctionStatus
		until(t, "ready", func() bool {
			f, err = c.GetFunction(t.Context(), "sdk", "openfaas-fn")
			return err == nil && f.AvailableReplicas == replicas
		})
		return f
	}
	f := await(1)
	if f.Image != spec.Image || f.EnvVars["greeting"] != "hi" || (*f.Labels)["tier"] != "demo" || (*f.Annotations)["topic"] != "greetings" || f.Limits.Memory != "64Mi" {
		t.Errorf("it is not what was deployed: %+v", f)
	}
	spec.EnvVars["greeting"] = "hello"
	if status, err := c.Update(t.Context(), spec); err != nil {
		t.Errorf("update: %d %v", status, err)
	}
	if f := await(1); f.EnvVars["greeting"] != "hello" {
		t.Errorf("after the update: %+v", f.EnvVars)
	}
	for _, n := range []uint64{2, 1} {
		if err := c.ScaleFunction(t.Context(), "sdk", "openfaas-fn", n); err != nil {
			t.Fatalf("scale to %d: %v", n, err)
		}
		await(n)
	}
	if err := c.ScaleFunction(t.Context(), "nobody", "openfaas-fn", 1); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("scale what is not there: %v", err)
	}
}

func calls(t *testing.T, c *sdk.Client) {
	call := func(name string, async bool) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(`{"name":"SDK"}`))
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.InvokeFunction(name, "", async, false, req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	if status, body := call("sdk", false); status != 200 || !strings.Contains(body, "Hello, SDK!") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := call("sdk", true); status != 202 || body != "" {
		t.Errorf("async: %d %q", status, body)
	}
	if status, _ := call("nobody", false); status != 404 {
		t.Errorf("nobody: %d", status)
	}
}

func logs(t *testing.T, c *sdk.Client) {
	lines, err := c.GetLogs(t.Context(), "sdk", "openfaas-fn", false, 100, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for m := range lines {
		n++
		if m.Name != "sdk" || m.Namespace != "openfaas-fn" || m.Instance == "" || m.Timestamp.IsZero() {
			t.Errorf("%+v", m)
		}
	}
	if n == 0 {
		t.Error("no line")
	}
	if _, err := c.GetLogs(t.Context(), "nobody", "openfaas-fn", false, 1, nil); err == nil {
		t.Error("nobody has a log")
	}
}

// A program with a wrong password must hear of it in every method that looks
// at the status at all.
func refused(t *testing.T, c *sdk.Client) {
	if _, err := c.GetNamespaces(t.Context()); err == nil {
		t.Error("namespaces were listed")
	}
	if _, err := c.Deploy(t.Context(), types.FunctionDeployment{Service: "x", Image: "x"}); err == nil {
		t.Error("a function was deployed")
	}
	if err := c.DeleteFunction(t.Context(), "hello", "openfaas-fn"); err == nil || !strings.Contains(err.Error(), "unauthorized") {
		t.Errorf("delete: %v", err)
	}
	if _, err := c.CreateSecret(t.Context(), types.Secret{Name: "x", Value: "y"}); err == nil {
		t.Error("a secret was made")
	}
	if list, err := c.GetFunctions(t.Context(), ""); err == nil {
		t.Errorf("functions were listed: %+v", list)
	}
}
