package stackfile

import (
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"fnstore/kit/secret"
)

// validName is the rule of faas-netes, faas-cli new and Kubernetes: an RFC 1123
// label of at most 63 characters.
var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// validLang keeps a template's name, with its optional @ref, inside the
// template folder.
var validLang = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9._]*(@[-A-Za-z0-9._]+)?$`)

// ValidName reports whether s can name a function.
func ValidName(s string) bool { return len(s) <= 63 && validName.MatchString(s) }

func (r *reader) stack(root *yaml.Node) *File {
	f := &File{}
	var provider *yaml.Node
	for _, p := range r.pairs(root, "the stack file") {
		switch p.key {
		case "version":
			if f.Version = r.text(p.value, p.key); f.Version != "" && f.Version != "1.0" {
				r.fail(p.value, "version %q is not known; it is 1.0 or left out", f.Version)
			}
		case "provider":
			provider = p.at
			f.Provider = r.provider(p.value)
		case "functions":
			for _, fn := range r.pairs(p.value, "functions") {
				f.Functions = append(f.Functions, r.function(fn))
			}
		case "configuration":
			f.Configuration = r.configuration(p.value)
		case "x-profiles":
			for _, list := range r.pairs(p.value, p.key) {
				if f.Profiles == nil {
					f.Profiles = map[string][]string{}
				}
				f.Profiles[list.key] = r.list(list.value, p.key+"."+list.key)
			}
		default:
			r.unknown(p, "the stack file", "version", "provider", "functions", "configuration")
		}
	}
	if f.Provider.Name != "openfaas" && len(r.errs) == 0 {
		r.fail(provider, `provider.name must be "openfaas"`)
	}
	return f
}

func (r *reader) provider(n *yaml.Node) (p Provider) {
	for _, e := range r.pairs(n, "provider") {
		switch e.key {
		case "name":
			p.Name = r.text(e.value, "provider.name")
		case "gateway":
			p.Gateway = r.text(e.value, "provider.gateway")
		default:
			r.unknown(e, "provider", "name", "gateway")
		}
	}
	return p
}

func (r *reader) configuration(n *yaml.Node) (c Configuration) {
	for _, e := range r.pairs(n, "configuration") {
		switch e.key {
		case "templates":
			for _, item := range r.items(e.value, "configuration.templates") {
				var t TemplateSource
				for _, p := range r.pairs(item, "a template") {
					switch p.key {
					case "name":
						t.Name = r.text(p.value, "a template's name")
					case "source":
						t.Source = r.text(p.value, "a template's source")
					default:
						r.unknown(p, "a template", "name", "source")
					}
				}
				c.Templates = append(c.Templates, t)
			}
		case "copy":
			c.Copy = r.list(e.value, "configuration.copy")
		default:
			r.unknown(e, "configuration", "templates", "copy")
		}
	}
	return c
}

func (r *reader) function(def pair) *Function {
	f := &Function{Name: def.key, Line: def.at.Line, Column: def.at.Column}
	what := "functions." + f.Name
	if !ValidName(f.Name) {
		r.fail(def.at, "function name %q must be 1 to 63 of a-z, 0-9 and -, and begin and end with a letter or digit", f.Name)
	}
	fields := f.fields(r)
	for _, p := range r.pairs(def.value, what) {
		if read := fields[p.key]; read != nil {
			read(p.value, what+"."+p.key)
			continue
		}
		r.unknown(p, what, keys(fields)...)
	}
	if f.Image == "" {
		r.fail(def.at, "%s.image is missing", what)
	} else if strings.ContainsAny(f.Image, " \t\n") {
		r.fail(def.at, "%s.image %q is not an image's name", what, f.Image)
	}
	if f.Lang != "" && !validLang.MatchString(f.Lang) {
		r.fail(def.at, "%s.lang %q is not a template's name", what, f.Lang)
	}
	if f.Lang != "" && f.Handler == "" && !f.SkipBuild {
		r.fail(def.at, "%s.handler is missing", what)
	}
	for _, s := range f.Secrets {
		if !secret.ValidName(s) {
			r.fail(def.at, "%s: %q is not a secret's name (lower case letters, digits, - and .)", what, s)
		}
	}
	for _, path := range f.EnvironmentFile {
		r.environmentFile(f, def.at, path)
	}
	return f
}

// fields maps each key of a function to what reads it.
func (f *Function) fields(r *reader) map[string]func(n *yaml.Node, what string) {
	text := func(to *string) func(*node, string) {
		return func(n *node, what string) { *to = r.text(n, what) }
	}
	flag := func(to *bool) func(*node, string) {
		return func(n *node, what string) { *to = r.flag(n, what) }
	}
	list := func(to *[]string) func(*node, string) {
		return func(n *node, what string) { *to = r.list(n, what) }
	}
	texts := func(to *map[string]string) func(*node, string) {
		return func(n *node, what string) { *to = r.texts(n, what) }
	}
	resources := func(to **Resources) func(*node, string) {
		return func(n *node, what string) { *to = r.resources(n, what) }
	}
	return map[string]func(*node, string){
		"lang":                     text(&f.Lang),
		"handler":                  text(&f.Handler),
		"image":                    text(&f.Image),
		"fprocess":                 text(&f.Fprocess),
		"namespace":                text(&f.Namespace),
		"platforms":                text(&f.Platforms),
		"skip_build":               flag(&f.SkipBuild),
		"readonly_root_filesystem": flag(&f.ReadOnlyRootFilesystem),
		"environment_file":         list(&f.EnvironmentFile),
		"secrets":                  list(&f.Secrets),
		"constraints":              list(&f.Constraints),
		"build_options":            list(&f.BuildOptions),
		"environment":              texts(&f.Environment),
		"labels":                   texts(&f.Labels),
		"annotations":              texts(&f.Annotations),
		"build_args":               texts(&f.BuildArgs),
		"build_secrets":            texts(&f.BuildSecrets),
		"limits":                   resources(&f.Limits),
		"requests":                 resources(&f.Requests),
	}
}

func (r *reader) resources(n *yaml.Node, what string) *Resources {
	if isNull(follow(n)) {
		return nil
	}
	res := &Resources{}
	for _, p := range r.pairs(n, what) {
		switch p.key {
		case "memory":
			res.Memory = r.text(p.value, what+".memory")
		case "cpu":
			res.CPU = r.text(p.value, what+".cpu")
		default:
			r.unknown(p, what, "memory", "cpu")
		}
	}
	return res
}

// environmentFile merges a file's environment over the function's: faas-cli
// lets a file win over the stack file, and a later file over an earlier one.
// No variables are substituted in it.
func (r *reader) environmentFile(f *Function, at *yaml.Node, path string) {
	full := path
	if !filepath.IsAbs(full) {
		full = filepath.Join(r.dir, path)
	}
	data, err := readBounded(full)
	if err != nil {
		r.fail(at, "functions.%s.environment_file: %v", f.Name, err)
		return
	}
	if len(data) > maxFile {
		r.fail(at, "functions.%s.environment_file %s is longer than %d bytes", f.Name, path, maxFile)
		return
	}
	root, err := load(path, string(data))
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	in := &reader{file: path}
	for _, p := range in.pairs(root, "an environment file") {
		if p.key != "environment" {
			continue
		}
		for k, v := range in.texts(p.value, "environment") {
			if f.Environment == nil {
				f.Environment = map[string]string{}
			}
			f.Environment[k] = v
		}
	}
	r.errs = append(r.errs, in.errs...)
}
