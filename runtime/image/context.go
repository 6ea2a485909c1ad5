package image

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fnstore/runtime/stackfile"
)

// plan lists a function's build context, as faas-cli makes it: the template,
// the handler's folder inside it (without its own build and template folders),
// and each path of configuration.copy beside the handler under its own name.
// Paths of the stack file are relative to root.
func plan(root string, stack *stackfile.File, fn *stackfile.Function) (*fileList, *stackfile.Template, error) {
	switch {
	case fn.Lang == "":
		return nil, nil, errors.New("the function has no lang, so there is nothing to build")
	case fn.Lang == "dockerfile":
		return nil, nil, fmt.Errorf("lang dockerfile %w: its image is whatever the Dockerfile makes", ErrNeedsDocker)
	}
	template, err := stackfile.ReadTemplate(root, fn.Lang)
	if err != nil {
		return nil, nil, err
	}
	if err := buildable(template, fn); err != nil {
		return nil, nil, err
	}
	handler := fn.Handler
	if !filepath.IsAbs(handler) {
		handler = filepath.Join(root, handler)
	}
	if info, err := os.Stat(handler); err != nil {
		return nil, nil, fmt.Errorf("handler: %w", err)
	} else if !info.IsDir() {
		return nil, nil, fmt.Errorf("handler %s is a file; it must be a folder", fn.Handler)
	}
	l := &fileList{}
	for _, dir := range []string{root, handler} {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return nil, nil, err
		}
		l.within = append(l.within, real)
	}
	target := path.Clean(filepath.ToSlash(template.HandlerFolder))
	l.target = target
	if err := l.add(template.Dir, "."); err != nil {
		return nil, nil, fmt.Errorf("template %s: %w", fn.Lang, err)
	}
	if err := l.add(handler, target, "build", "template"); err != nil {
		return nil, nil, fmt.Errorf("handler: %w", err)
	}
	for _, p := range stack.Configuration.Copy {
		rel, err := clean(root, p)
		if err != nil {
			return nil, nil, fmt.Errorf("configuration.copy: %w", err)
		}
		if err := l.add(filepath.Join(root, rel), target+"/"+filepath.ToSlash(rel)); err != nil {
			return nil, nil, fmt.Errorf("configuration.copy: %w", err)
		}
	}
	return l, template, nil
}

// buildable says why a function cannot be built by its template's script.
func buildable(t *stackfile.Template, fn *stackfile.Function) error {
	if info, err := os.Stat(filepath.Join(t.Dir, script)); err != nil || !info.Mode().IsRegular() {
		if name, _, _ := strings.Cut(fn.Lang, "@"); name == "golang-middleware" || name == "golang-http" {
			return fmt.Errorf("template/%s %w: it is OpenFaaS' template, which only its Dockerfile builds. A handler for it builds unchanged with the store's template of that name: remove the folder template/%s, and its entry under configuration.templates if there is one, and fnstore deploy puts the store's there",
				fn.Lang, ErrNeedsDocker, fn.Lang)
		}
		return fmt.Errorf("template %s %w: it has no %s, so its Dockerfile is the only way to build it", fn.Lang, ErrNeedsDocker, script)
	}
	for _, o := range fn.BuildOptions {
		packages, known := t.Packages[o]
		if !known {
			return fmt.Errorf("build option %q is not one of template %s", o, fn.Lang)
		}
		if len(packages) > 0 {
			return fmt.Errorf("build option %q %w: it installs packages into the image that builds", o, ErrNeedsDocker)
		}
	}
	if len(fn.BuildSecrets) > 0 {
		return fmt.Errorf("build_secrets %w: they are mounts of docker build", ErrNeedsDocker)
	}
	return nil
}

// write makes dir anew and copies the plan into it. Folders that faas-cli
// makes itself have its modes: private, but open where CI runs as others.
func (l *fileList) write(dir string) error {
	mode := os.FileMode(0o700)
	if slices.Contains([]string{"true", "1"}, os.Getenv("CI")) {
		mode = 0o777
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(l.target)), mode); err != nil {
		return err
	}
	return l.copy(dir, mode)
}
