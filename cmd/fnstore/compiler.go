package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"fnstore/runtime/stackfile"
)

// compiler makes the program of one function as the template's build step does,
// but in place: the entry point and the function server are laid over the
// handler's folder for the go command alone, and nothing is copied.
type compiler struct {
	handler string // folder, absolute
	out     string // folder of the compiler's own
	entry   string // import path of the entry point
	overlay string
}

// entryName is the folder of the entry point. Its underscore keeps it out of
// every ./... pattern; build.sh uses the same.
const entryName = "_fnserver"

func newCompiler(ctx context.Context, root string, fn *stackfile.Function, out string) (*compiler, error) {
	template, err := stackfile.ReadTemplate(root, fn.Lang)
	if err != nil {
		return nil, err
	}
	server, err := filepath.Glob(filepath.Join(template.Dir, "server", "*.go"))
	if err != nil || len(server) == 0 {
		return nil, fmt.Errorf("template %s has no folder server, so only its own build step knows how to compile it: use fnstore deploy", fn.Lang)
	}
	c := &compiler{handler: fn.Handler, out: out, overlay: filepath.Join(out, "overlay.json")}
	if !filepath.IsAbs(c.handler) {
		c.handler = filepath.Join(root, c.handler)
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, err
	}
	path, err := c.goCommand(ctx, "list", "-e", "-f", "{{.ImportPath}}", ".")
	if err != nil {
		return nil, err
	}
	path = strings.TrimSpace(path)
	c.entry = path + "/" + entryName

	main := filepath.Join(out, "main.go")
	text, err := os.ReadFile(filepath.Join(template.Dir, "entry.txt"))
	if err != nil {
		return nil, fmt.Errorf("read the template's entry point: %w", err)
	}
	text = bytes.Replace(text, []byte("SERVER"), []byte(c.entry+"/server"), 1)
	text = bytes.Replace(text, []byte("FUNCTION"), []byte(path), 1)
	if err := os.WriteFile(main, text, 0o600); err != nil {
		return nil, err
	}
	replace := map[string]string{filepath.Join(c.handler, entryName, "main.go"): main}
	for _, from := range server {
		if strings.HasSuffix(from, "_test.go") {
			continue
		}
		if from, err = filepath.Abs(from); err != nil {
			return nil, err
		}
		replace[filepath.Join(c.handler, entryName, "server", filepath.Base(from))] = from
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	return c, os.WriteFile(c.overlay, b, 0o600)
}

// static is the folder beside the handler that belongs to its image.
func (c *compiler) static() string { return filepath.Join(c.handler, "static") }

func (c *compiler) close() { _ = os.RemoveAll(c.out) } // what is left is small and private

// compile gives the path of the program. Its error is the go command's words.
func (c *compiler) compile(ctx context.Context) (string, error) {
	program := filepath.Join(c.out, "handler")
	_, err := c.goCommand(ctx, "build", "-overlay", c.overlay, "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program, c.entry)
	return program, err
}

// sources is a template for go list: the folders of the program's packages and
// the files embedded in them, those of the standard library and of fetched
// modules left out, since nobody edits them.
const sources = `{{if and (not .Standard) (not .Module.Version)}}d {{.Dir}}
{{range .EmbedFiles}}f {{$.Dir}}/{{.}}
{{end}}{{end}}`

// sources tells what to look at. When the go command cannot tell, it is the
// handler's own folder.
func (c *compiler) sources(ctx context.Context) watch {
	w := watch{dirs: []string{c.handler}, trees: []string{c.static()}}
	text, err := c.goCommand(ctx, "list", "-e", "-deps", "-f", sources, ".")
	if err != nil {
		return w
	}
	for l := range strings.Lines(text) {
		switch kind, path, _ := strings.Cut(strings.TrimSpace(l), " "); {
		case kind == "d" && path != c.handler:
			w.dirs = append(w.dirs, path)
		case kind == "f":
			w.files = append(w.files, path)
		}
	}
	return w
}

func (c *compiler) goCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.handler
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GO111MODULE=on")
	if os.Getenv("GOGC") == "" {
		cmd.Env = append(cmd.Env, "GOGC=400") // a fifth less work for the compiler, for some memory
	}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("does not compile:\n%s", strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("the go command: %w", err)
	}
	return string(out), nil
}
