package docker

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/runtime/docker"
	"fnstore/runtime/image/registry"
	"fnstore/runtime/logs"
	"fnstore/runtime/provider"
	"fnstore/runtime/secrets"
)

// Where containers have no address that leads there, as with a rootless engine,
// a port on loopback is published, and on no other address.
func TestPublished_ContainersAreReachedByAPublishedPort(t *testing.T) {
	dir := t.TempDir()
	kept, err := secrets.Open(filepath.Join(dir, "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	written, err := logs.Open(filepath.Join(dir, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := registry.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	images := httptest.NewServer(g)
	defer images.Close()
	ref := strings.TrimPrefix(images.URL, "http://") + "/test/published:1"
	manyFiles(t, ref)

	containers, err := docker.Open(t.Context(), docker.Config{Host: machine.Host, Store: dir, Secrets: kept, Logs: written, Publish: true})
	if err != nil {
		t.Fatal(err)
	}
	functions, err := provider.Open(t.Context(), provider.Config{
		Dir: filepath.Join(dir, "functions"), RunDir: filepath.Join(dir, "run"), Secrets: kept, Logs: written,
	}, containers)
	if err != nil {
		t.Fatal(err)
	}
	defer functions.Close()
	d := types.FunctionDeployment{Service: "f", Image: ref, EnvVars: map[string]string{"FN_MODE": "serve", "VERSION": "1"}}
	if err := functions.Deploy(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		transport, release, err := functions.Acquire(t.Context(), "f")
		if err != nil {
			t.Fatal(err)
		}
		res, err := (&http.Client{Transport: transport}).Get("http://f/version")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		release()
		if err != nil || string(b) != "1" {
			t.Errorf("%q, %v", b, err)
		}
		must(t, "kill", must(t, "ps", "-q", "--filter", "label=fnstore.function=f"))
	}
	ports := must(t, "ps", "-a", "--filter", "label=fnstore.function=f", "--format", "{{.Ports}}")
	if strings.Contains(ports, "0.0.0.0") || strings.Contains(ports, "::") {
		t.Errorf("published at %s", ports)
	}
	if err := functions.Deploy(t.Context(), types.FunctionDeployment{Service: "g", Image: ref + "0"}); fault.Of(err).Code != "image_missing" {
		t.Error(fmt.Sprint(err))
	}
}
