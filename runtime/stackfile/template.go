package stackfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"
)

// Template is a template's template.yml.
type Template struct {
	Dir           string // its folder
	Language      string
	Fprocess      string
	HandlerFolder string              // where the handler goes in the build context; "function" unless said
	Packages      map[string][]string // build option to the packages it adds
}

// node is short for what the reader walks.
type node = yaml.Node

// dockerfile is the template that has no entry point of its own.
const dockerfile = "dockerfile"

// ReadTemplate reads template/<lang>/template.yml below root.
func ReadTemplate(root, lang string) (*Template, error) {
	if !validLang.MatchString(lang) {
		return nil, fmt.Errorf("%q is not a template's name", lang)
	}
	dir := filepath.Join(root, "template", lang)
	path := filepath.Join(dir, "template.yml")
	data, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read template %s: %w", lang, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read template %s: template.yml is longer than %d bytes", lang, maxFile)
	}
	node, err := load(path, string(data))
	if err != nil {
		return nil, err
	}
	t := &Template{Dir: dir, HandlerFolder: "function", Packages: map[string][]string{}}
	r := &reader{file: path}
	for _, p := range r.pairs(node, "template.yml") {
		switch p.key {
		case "language":
			t.Language = r.text(p.value, p.key)
		case "fprocess":
			t.Fprocess = r.text(p.value, p.key)
		case "handler_folder":
			if s := r.text(p.value, p.key); s != "" {
				t.HandlerFolder = s
			}
		case "build_options":
			for _, item := range r.items(p.value, p.key) {
				r.option(t, item)
			}
		}
	}
	if !filepath.IsLocal(t.HandlerFolder) {
		r.fail(nil, "handler_folder %q leaves the build context", t.HandlerFolder)
	}
	return t, errors.Join(r.errs...)
}

// HasServer reports whether the template compiles a function server of its own
// into the function's program, as build.sh of ours does.
func (t *Template) HasServer() bool {
	_, err := os.Stat(filepath.Join(t.Dir, "entry.txt"))
	return err == nil
}

func (r *reader) option(t *Template, item *node) {
	var name string
	var packages []string
	for _, o := range r.pairs(item, "a build option") {
		switch o.key {
		case "name":
			name = r.text(o.value, "a build option's name")
		case "packages":
			packages = r.list(o.value, "a build option's packages")
		}
	}
	t.Packages[name] = packages
}
