package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"fnstore/runtime/image"
	"fnstore/runtime/stackfile"
)

type storeCmd struct {
	Repository string `default:"" help:"Address of the sources, shown beside each function." placeholder:"URL"`
	Platform   string `help:"Platforms that the images were built for, as with build." placeholder:"LIST"`
}

// manifest is what faas-cli store reads, version 2: maps of strings alone, and
// image keys by faas-cli's names of platforms.
type manifest struct {
	Version   string          `json:"version"`
	Functions []manifestEntry `json:"functions"`
}

type manifestEntry struct {
	Name                   string            `json:"name"`
	Title                  string            `json:"title"`
	Author                 string            `json:"author"`
	Description            string            `json:"description"`
	Images                 map[string]string `json:"images"`
	Fprocess               string            `json:"fprocess,omitempty"`
	RepoURL                string            `json:"repo_url,omitempty"`
	ReadOnlyRootFilesystem bool              `json:"readOnlyRootFilesystem"`
	Environment            map[string]string `json:"environment,omitempty"`
	Labels                 map[string]string `json:"labels,omitempty"`
	Annotations            map[string]string `json:"annotations,omitempty"`
	Secrets                []string          `json:"x-secrets,omitempty"` // faas-cli has no member for them
}

// platformNames are faas-cli's names for platforms.
var platformNames = map[string]string{"linux/amd64": "x86_64", "linux/arm64": "arm64", "linux/arm/v7": "armhf", "linux/arm/v6": "armhf"}

// imagesOf names a function's image for each platform that fnstore build makes
// it for: those of the flag, of the stack file, or this machine's.
func imagesOf(ref string, lists ...string) (map[string]string, error) {
	images := map[string]string{}
	for _, list := range append(lists, "linux/"+runtime.GOARCH) {
		platforms, err := image.Platforms(list)
		if err != nil {
			return nil, err
		}
		for _, p := range platforms {
			if name := platformNames[p]; name != "" { // faas-cli has no name for others
				images[name] = ref
			}
		}
		if len(platforms) > 0 {
			break
		}
	}
	return images, nil
}

// Run prints the manifest of the stack file's functions. Served as a file
// anywhere, it is what faas-cli store --url reads.
func (cmd storeCmd) Run(s *settings, out io.Writer) error {
	var own string
	if vars, err := readEnv(s.path("env")); err == nil {
		own = vars["FNSTORE_REGISTRY"]
	}
	file, err := s.stackFile(own)
	if err != nil {
		return err
	}
	m := manifest{Version: "0.2.0", Functions: []manifestEntry{}}
	for _, fn := range file.Functions {
		d, err := fn.Deployment(file.Dir)
		if err != nil {
			return err
		}
		e := manifestEntry{
			Name: fn.Name, Author: "fnstore", Fprocess: d.EnvProcess, RepoURL: cmd.Repository,
			ReadOnlyRootFilesystem: fn.ReadOnlyRootFilesystem, Environment: fn.Environment, Labels: fn.Labels,
			Annotations: fn.Annotations, Secrets: fn.Secrets,
		}
		if e.Title, e.Description, err = introduction(file.Dir, fn); err != nil {
			return err
		}
		if e.Images, err = imagesOf(d.Image, cmd.Platform, fn.Platforms); err != nil {
			return fmt.Errorf("%s: %w", fn.Name, err)
		}
		m.Functions = append(m.Functions, e)
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(m)
}

// introduction is the first paragraph of a function's own page, and the first
// sentence of it. A function without a page has its name.
func introduction(dir string, fn *stackfile.Function) (title, text string, err error) {
	path := fn.Handler
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	b, err := os.ReadFile(filepath.Join(path, "README.md"))
	if os.IsNotExist(err) {
		return fn.Name, fn.Name, nil
	}
	if err != nil {
		return "", "", fmt.Errorf("read the page of %s: %w", fn.Name, err)
	}
	for para := range strings.SplitSeq(string(b), "\n\n") {
		para = strings.Join(strings.Fields(para), " ")
		if para == "" || strings.HasPrefix(para, "#") {
			continue
		}
		title, _, _ = strings.Cut(para, ". ")
		return strings.TrimSuffix(title, "."), para, nil
	}
	return fn.Name, fn.Name, nil
}
