package image

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Bounds of what one build may copy.
const (
	maxEntries = 100_000
	maxDepth   = 64
	maxBytes   = 1 << 30
)

// item is a file or folder that goes into a build context.
type item struct {
	from string // where it is, symbolic links followed
	to   string // where it goes, relative to the context, with slashes
	mode fs.FileMode
	size int64
}

// list is a context in the making.
type fileList struct {
	within []string // real folders that links may lead into
	items  []item
	bytes  int64
	target string // of the handler's folder; the one folder that write makes itself
}

// add puts the file or folder at from under to, like faas-cli following
// symbolic links, but only into the folders of the project: a stack file from
// a stranger must not carry ~/.ssh into an image. skip names entries of the
// top level that are left out.
func (l *fileList) add(from, to string, skip ...string) error { return l.walk(from, to, 0, skip) }

func (l *fileList) walk(from, to string, depth int, skip []string) error {
	real, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	if !l.allowed(real) {
		return fmt.Errorf("%s leads out of the project, to %s", from, real)
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	l.items = append(l.items, item{real, to, info.Mode(), info.Size()})
	switch {
	case len(l.items) > maxEntries:
		return fmt.Errorf("more than %d files", maxEntries)
	case depth > maxDepth:
		return fmt.Errorf("%s: more than %d folders deep; does a link lead back up?", from, maxDepth)
	case info.Mode().IsRegular():
		if l.bytes += info.Size(); l.bytes > maxBytes {
			return fmt.Errorf("more than %d bytes", maxBytes)
		}
		return nil
	case !info.IsDir():
		return fmt.Errorf("%s is neither a file nor a folder", from)
	}
	entries, err := os.ReadDir(real) // sorted by name
	if err != nil {
		return err
	}
next:
	for _, e := range entries {
		for _, s := range skip {
			if e.Name() == s {
				continue next
			}
		}
		if err := l.walk(filepath.Join(from, e.Name()), to+"/"+e.Name(), depth+1, nil); err != nil {
			return err
		}
	}
	return nil
}

func (l *fileList) allowed(real string) bool {
	for _, dir := range l.within {
		if inside(dir, real) {
			return true
		}
	}
	return false
}

// inside reports whether path is dir or below it. It compares whole names: a
// sibling whose name only begins with dir's is outside.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// hash covers names, modes and contents, in order.
func (l *fileList) hash(w io.Writer) error {
	for _, it := range l.items {
		fmt.Fprintf(w, "%q %v\n", it.to, it.mode)
		if it.mode.IsDir() {
			continue
		}
		sum, err := hashFile(it.from)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%x\n", sum)
	}
	return nil
}

func hashFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// copy writes the items below dir. A later item takes the place of an earlier
// one of the same name, as with faas-cli.
func (l *fileList) copy(dir string, dirMode fs.FileMode) error {
	for _, it := range l.items {
		to := filepath.Join(dir, filepath.FromSlash(it.to))
		if it.mode.IsDir() {
			// Writable for us whatever the original says, since more follows.
			if err := os.MkdirAll(to, it.mode.Perm()|0o700); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), dirMode); err != nil {
			return err
		}
		if err := copyFile(it.from, to, it.mode.Perm()); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// clean gives a path of the stack file relative to root, and an error when it
// is root itself or outside of it.
func clean(root, path string) (string, error) {
	full := path
	if !filepath.IsAbs(full) {
		full = filepath.Join(root, path)
	}
	rel, err := filepath.Rel(root, full)
	if err != nil || rel == "." || !filepath.IsLocal(rel) || strings.TrimSpace(path) == "" {
		return "", fmt.Errorf("forbidden path %q: it must be below the project's folder", path)
	}
	return rel, nil
}
