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
	Profile  string `help:"Only the functions of this list under x-profiles in the stack file." placeholder:"NAME"`
	Prebuilt bool   `help:"Without what builds the functions: for a machine that has their images and not their sources."`
}

// Run prints the stack file with what the flags leave of it. Variables stay
// variables.
func (cmd stackCmd) Run(s *settings, out io.Writer) error {
	text, err := os.ReadFile(s.Stack)
	if err != nil {
		return fmt.Errorf("read stack file: %w", err)
	}
	smaller, err := lessOf(s.Stack, text, cmd.Profile, cmd.Prebuilt)
	if err != nil {
		return err
	}
	_, err = out.Write(smaller)
	return err
}

// lessOf leaves the functions of a profile in the text of a stack file, all
// without one, and with prebuilt nothing that builds them.
func lessOf(name string, text []byte, profile string, prebuilt bool) ([]byte, error) {
	was, err := stackfile.ParseBytes(name, ".", text, os.LookupEnv) // bounds, and errors with their place
	if err != nil {
		return nil, err
	}
	chosen, ok := was.Profiles[profile]
	if profile == "" {
		for _, fn := range was.Functions {
			chosen = append(chosen, fn.Name)
		}
	} else if !ok {
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
		switch key := root.Content[i].Value; {
		case key == "x-profiles", key == "configuration" && prebuilt:
			root.Content = slices.Delete(root.Content, i, i+2)
			i -= 2
		case key == "functions":
			keep(root.Content[i+1], chosen)
			if prebuilt {
				unbuilt(root.Content[i+1])
			}
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

// unbuilt takes from each function what builds it.
func unbuilt(functions *yaml.Node) {
	building := []string{"lang", "handler", "skip_build", "build_options", "build_args", "build_secrets", "platforms"}
	for i := 1; i < len(functions.Content); i += 2 {
		fn := functions.Content[i]
		var left []*yaml.Node
		for k := 0; k+1 < len(fn.Content); k += 2 {
			if !slices.Contains(building, fn.Content[k].Value) {
				left = append(left, fn.Content[k], fn.Content[k+1])
			}
		}
		fn.Content = append(left, &yaml.Node{Kind: yaml.ScalarNode, Value: "skip_build"}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
}
