package stackfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

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

// Missing are the templates, each once, that functions to be built need and that
// are not below Dir.
func (f *File) Missing() (langs []string) {
	for _, fn := range f.Functions {
		if fn.SkipBuild || fn.Lang == "" || strings.ToLower(fn.Lang) == dockerfile || slices.Contains(langs, fn.Lang) {
			continue
		}
		if _, err := os.Stat(filepath.Join(f.Dir, "template", fn.Lang)); errors.Is(err, fs.ErrNotExist) {
			langs = append(langs, fn.Lang)
		}
	}
	return langs
}

// Source is where configuration.templates has the template from; empty when
// nothing is said.
func (f *File) Source(lang string) string {
	for _, t := range f.Configuration.Templates {
		if t.Name == lang {
			return t.Source
		}
	}
	return ""
}

// validRef is what faas-cli and git take for a branch, a tag, or sha-<commit>.
var validRef = regexp.MustCompile(`^[A-Za-z0-9_][-A-Za-z0-9_./]*$`)

// Remote splits a template's source into what git clones and the branch or tag
// after #, as faas-cli does: sha-<commit> is a commit. A path on this machine that
// exists is taken as it is.
func Remote(source string) (repository, ref string, err error) {
	repository = source
	if _, err := os.Stat(source); err != nil {
		if base, r, found := strings.Cut(source, "#"); found {
			if repository, ref = base, r; !validRef.MatchString(ref) || strings.Contains(ref, "..") {
				return "", "", fmt.Errorf("template source %q: %q is not a branch, a tag, or sha-<commit>", source, ref)
			}
		}
	}
	if repository == "" || strings.HasPrefix(repository, "-") || strings.Contains(repository, "::") || strings.ContainsAny(repository, "\x00\r\n") {
		return "", "", fmt.Errorf("template source %q is not the address of a git repository", source)
	}
	return repository, ref, nil
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
