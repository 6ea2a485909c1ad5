package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// sourceVar names a clone of of-watchdog, for machines whose module proxy does
// not have it.
const sourceVar = "FNSTORE_OF_WATCHDOG"

const watchdog = "github.com/openfaas/of-watchdog"

// peers compiles OpenFaaS' own, in a copy of their module: what the go command
// notes about them stays there.
func peers(root, dir, bare string) ([]*candidate, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	module, outer, inner := filepath.Join(dir, "peers"), filepath.Join(dir, "watchdog"), filepath.Join(dir, "inproc")
	if err := os.CopyFS(module, os.DirFS(filepath.Join(root, "tests/bench/peers/watchdog"))); err != nil {
		return nil, err
	}
	steps := [][]string{
		{"build", "-mod=mod", "-trimpath", "-ldflags", "-s -w", "-o", outer, watchdog},
		{"build", "-mod=mod", "-trimpath", "-ldflags", "-s -w", "-o", inner, "."},
	}
	if source := os.Getenv(sourceVar); source != "" {
		steps = append([][]string{{"mod", "edit", "-replace", watchdog + "=" + source}}, steps...)
	}
	for _, args := range steps {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = module, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
			return nil, fmt.Errorf("%s cannot be compiled; %s=path names a clone of it: %s", watchdog, sourceVar, lines[len(lines)-1])
		}
	}
	// Both have their metrics on 8081, whatever they are told.
	return []*candidate{
		{name: "watchdog", what: "of-watchdog in front of bare: the stock template", size: size(outer) + size(bare), alone: true, command: func(at string) ([]string, []string) {
			behind := free()
			return []string{outer}, []string{"port=" + port(at), "mode=http", "fprocess=" + bare + " " + behind, "upstream_url=http://" + behind}
		}},
		{name: "inproc", what: "of-watchdog's in-process template", size: size(inner), alone: true, command: func(at string) ([]string, []string) {
			return []string{inner}, []string{"port=" + port(at), "mode=inproc"}
		}},
	}, nil
}
