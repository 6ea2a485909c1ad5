// Package faasd holds that compose/faasd.yaml says nothing that faasd refuses or
// drops without a word, by the parser that faasd has. It starts no faasd.
package faasd

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/loader"
	"github.com/compose-spec/compose-go/types"
)

// honoured are the keys of a service that faasd acts on. The parser takes more.
var honoured = []string{"image", "command", "environment", "env_file", "volumes", "ports", "user", "cap_add", "depends_on"}

// theirs are the services that faasd has by itself.
var theirs = []string{"nats", "prometheus", "gateway", "queue-worker"}

func load(t *testing.T, text string) (map[string]interface{}, *types.Config) {
	t.Helper()
	raw, err := loader.ParseYAML([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, d := range []string{"secrets/fnstore"} {
		if err := os.MkdirAll(dir+"/"+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir+"/secrets/fnstore/events.env", []byte("A=b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loader.Load(types.ConfigDetails{
		WorkingDir: dir, ConfigFiles: []types.ConfigFile{{Filename: "docker-compose.yaml", Config: raw}},
		Environment: map[string]string{"ARCH_SUFFIX": ""},
	})
	if err != nil {
		t.Fatalf("faasd does not start with this file: %v", err)
	}
	return raw, c
}

// Seed: R83
func TestFile_NothingIsRefusedOrDropped(t *testing.T) {
	text, err := os.ReadFile("../../../compose/faasd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	raw, config := load(t, string(text))
	for key := range raw {
		if key != "version" && key != "services" {
			t.Errorf("the key %s is dropped", key)
		}
	}
	names := slices.Clone(theirs)
	for _, s := range config.Services {
		names = append(names, s.Name)
	}
	for name, of := range raw["services"].(map[string]interface{}) {
		for key := range of.(map[string]interface{}) {
			if !slices.Contains(honoured, key) {
				t.Errorf("%s.%s is dropped without a word", name, key)
			}
		}
	}
	for _, s := range config.Services {
		// The command takes the place of the entry point: a program comes first.
		if len(s.Command) == 0 || !strings.HasPrefix(s.Command[0], "/") {
			t.Errorf("%s: command %q", s.Name, s.Command)
		}
		if i := strings.LastIndex(s.Image, ":"); i < 0 || strings.HasSuffix(s.Image, ":latest") || !strings.Contains(s.Image, "/") {
			t.Errorf("%s: image %s has no exact tag or no registry", s.Name, s.Image)
		}
		for _, v := range s.Volumes {
			if v.Type != "bind" {
				t.Errorf("%s: %s is a %s; faasd mounts folders and files alone", s.Name, v.Source, v.Type)
			}
		}
		for _, p := range s.Ports {
			if a, err := netip.ParseAddr(p.HostIP); err != nil || !a.IsLoopback() {
				t.Errorf("%s: port %d is open to others", s.Name, p.Published)
			}
		}
		for _, d := range s.GetDependencies() {
			if !slices.Contains(names, d) {
				t.Errorf("%s depends on %s, which is unknown: faasd would crash", s.Name, d)
			}
		}
		for name, value := range s.Environment {
			if value == nil || strings.Contains(*value, "$") {
				t.Errorf("%s: the variable %s has no value there", s.Name, name)
			}
		}
	}
	if len(config.Services) < 4 {
		t.Errorf("%d services", len(config.Services))
	}
}

// The two files name the same images.
func TestFile_TagsAreThoseOfDocker(t *testing.T) {
	tags, err := os.ReadFile("../../../compose/images.env")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../../compose/faasd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(tags)) {
		name, image, ok := strings.Cut(strings.TrimSpace(line), "=")
		image, _, _ = strings.Cut(image, "@")
		if ok && slices.Contains([]string{"POSTGRES_IMAGE", "REDIS_IMAGE", "MINIO_IMAGE"}, name) && !strings.Contains(string(text), "/"+image+"\n") {
			t.Errorf("compose/faasd.yaml does not have %s, the %s of compose/images.env", image, name)
		}
	}
}
