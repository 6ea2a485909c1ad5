package stackfile

import (
	"os"
	"strings"
	"testing"
)

// The store's own file, in what every target accepts: at most 15 functions
// (faasd CE), no label that Kubernetes CE refuses, timeouts set together.
//
// Seed: R28
func TestStore_TheStoresOwnFile(t *testing.T) {
	t.Chdir("../..")
	f, err := Parse("stack.yml", func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Warnings) > 0 {
		t.Errorf("warnings: %v", f.Warnings)
	}
	if n := len(f.Functions); n < 2 || n > 15 {
		t.Errorf("%d functions", n)
	}
	for _, fn := range f.Functions {
		if want := "127.0.0.1:5000/fnstore/" + fn.Name + ":dev"; fn.Image != want {
			t.Errorf("%s: image %s, want %s", fn.Name, fn.Image, want)
		}
		if info, err := os.Stat(fn.Handler); err != nil || !info.IsDir() {
			t.Errorf("%s: handler: %v", fn.Name, err)
		}
		for _, key := range []string{"exec_timeout", "read_timeout", "write_timeout"} {
			if fn.Environment[key] == "" {
				t.Errorf("%s: %s is not set; the three belong together", fn.Name, key)
			}
		}
		if fn.Limits == nil || fn.Limits.Memory == "" || fn.Requests == nil || !fn.ReadOnlyRootFilesystem {
			t.Errorf("%s: limits, requests and a read-only root are due", fn.Name)
		}
		for label := range fn.Labels {
			if strings.HasPrefix(label, "com.openfaas.scale.") && label != "com.openfaas.scale.min" && label != "com.openfaas.scale.max" && label != "com.openfaas.scale.factor" {
				t.Errorf("%s: Kubernetes CE refuses the label %s", fn.Name, label)
			}
		}
		if strings.Contains(fn.Annotations["topic"], ",") {
			t.Errorf("%s: CE takes one topic", fn.Name)
		}
		if _, err := fn.Deployment("."); err != nil {
			t.Error(err)
		}
	}
	moved, err := Parse("stack.yml", env(map[string]string{"FNSTORE_REGISTRY": "ghcr.io/me", "FNSTORE_VERSION": "1.2.0"}))
	if err != nil || moved.Function("hello").Image != "ghcr.io/me/fnstore/hello:1.2.0" {
		t.Errorf("got %v, %v", moved.Function("hello"), err)
	}
}
