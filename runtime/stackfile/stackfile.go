// Package stackfile reads a stack.yml the way faas-cli 0.18 does and says where
// in the file an error is. It does not know how a function is built or run.
package stackfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Bounds of one stack file, after substitution too. A file of fifteen
// functions is some 10 KiB; the parser is linear, so these are generous.
const (
	maxFile  = 256 << 10 // bytes of the file and of what substitution makes of it
	maxNodes = 50_000    // keys and list items read, aliases counted each time
	maxMerge = 16        // depth of merge keys (<<) that refer to merge keys
)

// File is a whole stack file, its variables substituted and its environment
// files merged.
type File struct {
	Version       string // "1.0" or empty
	Provider      Provider
	Functions     []*Function // in the order of the file
	Configuration Configuration
	Profiles      map[string][]string // x-profiles: names of functions, for smaller files; faas-cli ignores the key
	Dir           string              // what relative paths in the file are relative to
	Warnings      []Warning           // what faas-cli would ignore without a word
}

// Provider is the target of the file. Name is always "openfaas".
type Provider struct {
	Name    string
	Gateway string
}

// Configuration is what faas-cli reads besides functions.
type Configuration struct {
	Templates []TemplateSource
	Copy      []string // paths that go into every build context
}

// TemplateSource names a template to fetch; without a Source it is looked up
// in the template store.
type TemplateSource struct{ Name, Source string }

// Function is one entry under functions.
type Function struct {
	Name                   string
	Lang                   string
	Handler                string
	Image                  string
	Fprocess               string
	Namespace              string
	SkipBuild              bool
	Environment            map[string]string // environment_file already merged in
	EnvironmentFile        []string
	Secrets                []string
	Constraints            []string
	Labels                 map[string]string
	Annotations            map[string]string
	Limits                 *Resources
	Requests               *Resources
	ReadOnlyRootFilesystem bool
	BuildOptions           []string
	BuildArgs              map[string]string
	BuildSecrets           map[string]string // id to path
	Platforms              string            // comma list, for faas-cli publish
	Line, Column           int               // of the name
}

// Resources are Kubernetes quantities, kept as they are written so that
// faas-cli diff stays clean.
type Resources struct{ Memory, CPU string }

// Warning is something that faas-cli ignores and a person hardly meant.
type Warning struct {
	Line, Column int
	Text         string
}

func (w Warning) String() string { return fmt.Sprintf("%d:%d: %s", w.Line, w.Column, w.Text) }

// Error is one thing that is wrong, with its place (both from 1). Line is 0
// for an error of the file as a whole.
type Error struct {
	File         string
	Line, Column int
	Text         string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// Parse reads the file at path; lookup gives the variables (os.LookupEnv).
// Relative paths in it are relative to the current directory, as with
// faas-cli, and not to the file. The error joins an *Error for each fault.
func Parse(path string, lookup func(string) (string, bool)) (*File, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read stack file: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("read stack file %s: %w", path, err)
	}
	return ParseBytes(path, dir, data, lookup)
}

// ParseBytes is Parse for text that was read already. The name is used in
// errors; relative environment files are looked for in dir.
func ParseBytes(name, dir string, data []byte, lookup func(string) (string, bool)) (*File, error) {
	if len(data) > maxFile {
		return nil, &Error{File: name, Text: fmt.Sprintf("the file is longer than %d bytes", maxFile)}
	}
	text, err := substitute(name, string(data), lookup)
	if err != nil {
		return nil, err
	}
	root, err := load(name, text)
	if err != nil {
		return nil, moved(err, string(data), text)
	}
	r := &reader{file: name, dir: dir}
	f := r.stack(root)
	f.Dir = dir
	f.Warnings = r.warnings
	if err := errors.Join(r.errs...); err != nil {
		return nil, moved(err, string(data), text)
	}
	return f, nil
}

// moved says so when substitution added or removed lines, since the lines of
// the errors are those of the text that YAML saw.
func moved(err error, before, after string) error {
	if strings.Count(before, "\n") == strings.Count(after, "\n") {
		return err
	}
	return fmt.Errorf("%w\n(lines are counted after a variable with a line break in its value was put in)", err)
}

// load parses text and gives the root mapping, nil when the text holds nothing.
func load(name, text string) (node *yaml.Node, err error) {
	// The input is a stranger's and the parser is not ours: a fault in it is
	// this file's error and not the end of the process.
	defer func() {
		if p := recover(); p != nil {
			node, err = nil, &Error{File: name, Text: fmt.Sprintf("the YAML parser cannot read this file: %v", p)}
		}
	}()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		var at *yaml.LoadError
		if errors.As(err, &at) {
			return nil, &Error{File: name, Line: at.Mark.Line, Column: at.Mark.Column, Text: at.Message}
		}
		return nil, &Error{File: name, Text: err.Error()}
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder", filepath.Base(path))
	}
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}
