package main

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"

	"fnstore/runtime/stackfile"
)

type newCmd struct {
	Name string `arg:"" help:"Its name: small letters, digits and hyphens."`
	Here bool   `help:"Make it in this folder, which may be any: NAME/, a module of its own, in the stack file here."`
}

// maxFunctions is the cap of faasd CE, so that one stack file goes everywhere.
const maxFunctions = 15

// starters are functions to begin with: in the store's folder a handler with its
// page, its tests and what it links; elsewhere a module of its own.
//
//go:embed starter starter_own
var starters embed.FS

// Run makes functions/NAME, or NAME here, and adds NAME to the stack file, or
// does nothing.
func (cmd newCmd) Run(s *settings, out io.Writer) error {
	if !stackfile.ValidName(cmd.Name) {
		return fmt.Errorf("%q cannot be a function's name: small letters, digits and hyphens, 63 at most", cmd.Name)
	}
	dir, kind, values, err := cmd.start()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already", dir)
	}
	before, err := os.ReadFile(s.Stack)
	made := errors.Is(err, fs.ErrNotExist) && cmd.Here
	if made {
		before, err = []byte(emptyStack), nil
	}
	if err != nil {
		return err
	}
	after, err := addFunction(s.Stack, string(before), cmd.Name, filepath.ToSlash(dir))
	if err != nil {
		return err
	}
	if err := writeStarter(kind, dir, values); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if made {
		err = os.WriteFile(s.Stack, []byte(after), 0o644)
	} else {
		err = replaceFile(s.Stack, after)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	_, err = fmt.Fprintf(out, "%s is made, and %s names it.\n\n  fnstore dev %s       serves it, and each save of yours\n  fnstore deploy %s    builds, checks and deploys it\n",
		dir, s.Stack, cmd.Name, cmd.Name)
	return err
}

// start tells where the function goes, which starter it has, and what goes into
// that.
func (cmd newCmd) start() (dir, kind string, values map[string]string, err error) {
	if cmd.Here {
		return cmd.Name, "starter_own", map[string]string{"Name": cmd.Name}, nil
	}
	module, err := moduleName("go.mod")
	if err == nil {
		_, err = os.Stat("kit/wire")
	}
	if err != nil {
		return "", "", nil, errors.New("this is not the store's folder: a new function there uses kit/, and there is none here; fnstore new --here makes one in any folder")
	}
	return filepath.Join("functions", cmd.Name), "starter", map[string]string{"Name": cmd.Name, "Module": module}, nil
}

func moduleName(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("find the module to add to: %w", err)
	}
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); len(f) >= 2 && f[0] == "module" {
			return strings.Trim(f[1], `"`), nil
		}
	}
	return "", fmt.Errorf("%s names no module", path)
}

// writeStarter writes a starter into dir. Its files end in .txt, so that neither the go
// command nor the architecture tests take them for ours.
func writeStarter(kind, dir string, values map[string]string) error {
	return fs.WalkDir(starters, kind, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := starters.ReadFile(at)
		if err != nil {
			return err
		}
		t, err := template.New(path.Base(at)).Option("missingkey=error").Parse(string(b))
		if err != nil {
			return err
		}
		var text strings.Builder
		if err := t.Execute(&text, values); err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimSuffix(strings.TrimPrefix(at, kind+"/"), ".txt"))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, []byte(text.String()), 0o644)
	})
}

// replaceFile puts text under path, which keeps its mode, whole or not at all.
func replaceFile(path, text string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp := path + ".new"
	err = errors.Join(os.WriteFile(tmp, []byte(text), info.Mode().Perm()), os.Rename(tmp, path))
	if err != nil {
		_ = os.Remove(tmp) // it is not the stack file's error that it stays
	}
	return err
}
