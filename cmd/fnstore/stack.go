package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"fnstore/runtime/stackfile"
)

type stackCmd struct {
	Profile string `required:"" help:"Name of a list of functions under x-profiles in the stack file." placeholder:"NAME"`
}

// Run prints the stack file with the functions of a profile alone. Variables
// stay variables.
func (cmd stackCmd) Run(s *settings, out io.Writer) error {
	text, err := os.ReadFile(s.Stack)
	if err != nil {
		return fmt.Errorf("read stack file: %w", err)
	}
	smaller, err := profiled(s.Stack, text, cmd.Profile)
	if err != nil {
		return err
	}
	_, err = out.Write(smaller)
	return err
}

// profiled leaves the functions of a profile in the text of a stack file.
func profiled(name string, text []byte, profile string) ([]byte, error) {
	was, err := stackfile.ParseBytes(name, ".", text, os.LookupEnv) // bounds, and errors with their place
	if err != nil {
		return nil, err
	}
	chosen, ok := was.Profiles[profile]
	if !ok {
		return nil, fmt.Errorf("%s has no profile %q under x-profiles", name, profile)
	}
	for _, fn := range chosen {
		if was.Function(fn) == nil {
			return nil, fmt.Errorf("the profile %s names %s, and %s has no such function", profile, fn, name)
		}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s can be read only with its variables put in, so no smaller one can be written: %w", name, err)
	}
	root := doc.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		switch root.Content[i].Value {
		case "x-profiles":
			root.Content = slices.Delete(root.Content, i, i+2)
			i -= 2
		case "functions":
			keep(root.Content[i+1], chosen)
		}
	}
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	is, err := stackfile.ParseBytes(name, ".", []byte(b.String()), os.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("write the profile %s: %w", profile, err)
	}
	if len(is.Functions) != len(chosen) {
		return nil, fmt.Errorf("the profile %s names a function twice", profile)
	}
	return []byte(b.String()), nil
}

// keep removes from a mapping all keys but these.
func keep(n *yaml.Node, keys []string) {
	var left []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(keys, n.Content[i].Value) {
			left = append(left, n.Content[i], n.Content[i+1])
		}
	}
	n.Content = left
}
