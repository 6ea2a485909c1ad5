package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"fnstore/runtime/stackfile"
	"fnstore/template"
)

// cloneTimeout bounds a git clone of a template's repository.
const cloneTimeout = 2 * time.Minute

// addTemplates puts templates that the file's functions need and that are missing
// below template/: from the source that configuration.templates names, as faas-cli
// does, else the store's own. One that is there is never replaced.
func addTemplates(ctx context.Context, file *stackfile.File, say func(string)) error {
	for _, lang := range file.Missing() {
		base, _, _ := strings.Cut(lang, "@")
		source := file.Source(lang)
		var err error
		switch _, none := template.FS.ReadDir(base); {
		case source != "":
			say(fmt.Sprintf("pulling template %s from %s", lang, redactedSource(source)))
			err = cloneTemplate(ctx, file.Dir, lang, source)
		case none == nil && lang == base: // ours has no versions to choose from
			say(fmt.Sprintf("template %s is the store's own", lang))
			err = placeTemplate(file.Dir, lang, func(to string) error { return copyTemplate(to, template.FS, base) })
		default:
			err = fmt.Errorf("there is no folder template/%s, and configuration.templates in the stack file names no source for it; faas-cli template store pull %s fetches one of OpenFaaS' store", lang, base)
		}
		if err != nil {
			return fmt.Errorf("template %s: %w", lang, err)
		}
	}
	return nil
}

// redactedSource is a template's address without a password.
func redactedSource(source string) string {
	if strings.Contains(source, "://") {
		return redacted(source)
	}
	return source
}

var validCommit = regexp.MustCompile(`^[0-9a-fA-F]{7,40}$`)

// templateMeta is the file meta.json that faas-cli leaves in a template it pulled.
type templateMeta struct {
	Repository string    `json:"repository"`
	RefName    string    `json:"ref_name,omitempty"`
	Sha        string    `json:"sha,omitempty"`
	WrittenAt  time.Time `json:"written_at"`
}

// cloneTemplate fetches one template of a git repository.
func cloneTemplate(ctx context.Context, root, lang, source string) error {
	repository, ref, err := stackfile.Remote(source)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "fnstore-template-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	clone := []string{"clone", "--quiet", "--config", "core.autocrlf=false"}
	commit, pinned := strings.CutPrefix(ref, "sha-")
	switch {
	case pinned && !validCommit.MatchString(commit):
		return fmt.Errorf("%q is not a commit: 7 to 40 hex digits", commit)
	case pinned: // any commit may be meant, so all of them are needed
	case ref != "":
		clone = append(clone, "--depth=1", "--branch="+ref)
	default:
		clone = append(clone, "--depth=1")
	}
	if _, err := git(ctx, root, append(clone, "--", repository, tmp)...); err != nil {
		return err
	}
	if pinned {
		if _, err := git(ctx, tmp, "checkout", "--quiet", commit); err != nil {
			return err
		}
	}
	sha, err := git(ctx, tmp, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	base, _, _ := strings.Cut(lang, "@")
	from := os.DirFS(tmp)
	if _, err := fs.Stat(from, "template/"+base+"/template.yml"); err != nil {
		return fmt.Errorf("the repository has no template/%s/template.yml", base)
	}
	meta, err := json.Marshal(templateMeta{redactedSource(repository), ref, strings.TrimSpace(sha), time.Now()})
	if err != nil {
		return err
	}
	return placeTemplate(root, lang, func(to string) error {
		err := copyTemplate(to, from, "template/"+base)
		return errors.Join(err, os.WriteFile(filepath.Join(to, "meta.json"), meta, 0o644))
	})
}

// git runs git in dir. It asks nobody for a password, and takes no protocol that
// runs a command.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, cloneTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=https:http:ssh:git:file")
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return string(out), nil
}

// placeTemplate makes template/LANG below root, whole or not at all.
func placeTemplate(root, lang string, fill func(dir string) error) error {
	parent := filepath.Join(root, "template")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // gone already when all went well
	if err := errors.Join(os.Chmod(tmp, 0o755), fill(tmp)); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(parent, lang))
}

// copyTemplate copies files and folders, and refuses links: a repository must not
// bring files of this machine into an image.
func copyTemplate(to string, from fs.FS, dir string) error {
	return fs.WalkDir(from, dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, filepath.FromSlash(strings.TrimPrefix(at, dir)))
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case from == fs.FS(template.FS) && strings.HasSuffix(at, "_test.go"):
			return nil // ours have run
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder", at)
		}
		b, err := fs.ReadFile(from, at)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info, err := d.Info(); err == nil {
			mode |= info.Mode().Perm() & 0o111
		}
		if path.Ext(at) == ".sh" { // an embedded file has lost its mode
			mode |= 0o111
		}
		return os.WriteFile(target, b, mode)
	})
}
