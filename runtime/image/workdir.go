package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"
)

// Bounds of the files that an image's working directory may hold.
const maxWorkdirFiles = 50_000

var maxWorkdirBytes int64 = 1 << 30 // tests make it less

// workdir is the image's working directory: what of the tree is in it, by the
// path relative to it. The program is not: it lies apart.
type workdir struct {
	root    string // absolute in the image, symbolic links followed
	folders []string
	files   map[string]entry  // regular files
	links   map[string]string // symbolic links, with a target that is relative and inside
	hard    map[string]string // hard links, with the file they are
}

// workdirOf finds what belongs to the function besides its program. Nothing does
// when the working directory is the root of the image: that would be all of it.
// ErrNeedsDocker marks what only a container can offer.
func (t *tree) workdirOf(dir, program string) (*workdir, error) {
	w := &workdir{files: map[string]entry{}, links: map[string]string{}, hard: map[string]string{}}
	root, err := t.follow(dir)
	if err != nil {
		return nil, fmt.Errorf("its working directory: %w", err)
	}
	if root == "/" {
		return w, nil
	}
	w.root = root
	if e, ok := t.entries[root]; ok && e.kind != tar.TypeDir {
		return nil, fmt.Errorf("its working directory %s is not a folder", root)
	}
	var bytes int64
	for name, e := range t.entries {
		rel, ok := w.rel(name)
		if !ok || rel == "." || name == program {
			continue
		}
		if !filepath.IsLocal(rel) || strings.ContainsRune(rel, 0) {
			return nil, fmt.Errorf("%q is not a file's name", name)
		}
		if err := t.plainParents(name, root); err != nil {
			return nil, err
		}
		if e.kind == tar.TypeSymlink || e.kind == tar.TypeLink {
			if at, err := t.resolve(name); err == nil && at == program {
				continue // the program by another name
			}
		}
		switch e.kind {
		case tar.TypeDir:
			w.folders = append(w.folders, rel)
		case tar.TypeReg:
			bytes += e.size
			w.files[rel] = e
		case tar.TypeSymlink:
			if w.links[rel], err = w.inside(name, e.link); err != nil {
				return nil, err
			}
		case tar.TypeLink:
			if w.hard[rel], err = t.hardTarget(w, name); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%s is a device, pipe or socket: %w", name, ErrNeedsDocker)
		}
	}
	switch n := len(w.folders) + len(w.files) + len(w.links) + len(w.hard); {
	case bytes > maxWorkdirBytes:
		return nil, fmt.Errorf("its working directory %s holds more than %d bytes", root, maxWorkdirBytes)
	case n > maxWorkdirFiles:
		return nil, fmt.Errorf("its working directory %s holds more than %d files", root, maxWorkdirFiles)
	}
	return w, nil
}

// rel is an image's path relative to the working directory, and whether it is
// in there.
func (w *workdir) rel(name string) (string, bool) {
	if w.root == "" {
		return "", false
	}
	if name == w.root {
		return ".", true
	}
	return strings.CutPrefix(name, w.root+"/")
}

// holds reports whether the image's file is unpacked with the working directory.
func (w *workdir) holds(name string) bool { _, ok := w.rel(name); return ok }

// empty reports whether there is nothing that a program could read.
func (w *workdir) empty() bool { return len(w.files)+len(w.links)+len(w.hard) == 0 }

// plainParents refuses an entry below something that is not a folder: no image of
// a file system has one, and through a link it would mean another place than it
// says.
func (t *tree) plainParents(name, root string) error {
	for p := path.Dir(name); p != root && p != "/"; p = path.Dir(p) {
		if e, ok := t.entries[p]; ok && e.kind != tar.TypeDir {
			return fmt.Errorf("%s is in %s, which is not a folder", name, p)
		}
	}
	return nil
}

// inside gives a symbolic link's target as one that is relative to the link and
// stays in the working directory, wherever that is unpacked.
func (w *workdir) inside(name, target string) (string, error) {
	at := path.Join("/", target)
	if !path.IsAbs(target) {
		at = path.Join(path.Dir(name), target)
	}
	if !w.holds(at) {
		return "", fmt.Errorf("the link %s leads out of the working directory, to %s: %w", name, target, ErrNeedsDocker)
	}
	return filepath.Rel(path.Dir(name), at)
}

func (t *tree) hardTarget(w *workdir, name string) (string, error) {
	at, err := t.resolve(name)
	if err != nil {
		return "", err
	}
	rel, ok := w.rel(at)
	if !ok {
		return "", fmt.Errorf("%s is the file %s outside of the working directory: %w", name, at, ErrNeedsDocker)
	}
	return rel, nil
}

// unpack writes the working directory to dir, which it makes. Every path goes
// through an os.Root, so that none can reach elsewhere, whatever the image says.
// Files are read-only and keep nothing of their mode but that they may be run.
func (w *workdir) unpack(img v1.Image, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range w.folders {
		if err := folder(root, f); err != nil {
			return err
		}
	}
	if err := w.unpackFiles(img, root); err != nil {
		return err
	}
	for name, target := range w.hard {
		if err := errors.Join(folder(root, path.Dir(name)), root.Link(target, name)); err != nil {
			return err
		}
	}
	for name, target := range w.links {
		if err := errors.Join(folder(root, path.Dir(name)), root.Symlink(target, name)); err != nil {
			return err
		}
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return os.NewSyscallError("syncfs", unix.Syncfs(int(d.Fd()))) // one wait for all of them
}

// unpackFiles reads each layer that has one of the files once.
func (w *workdir) unpackFiles(img v1.Image, root *os.Root) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	left := map[int]int{}
	for _, e := range w.files {
		left[e.layer]++
	}
	written := map[string]bool{}
	for i := range layers {
		if left[i] == 0 {
			continue
		}
		err := each(layers[i], func(h *tar.Header, r io.Reader) error {
			rel, ok := w.rel(path.Clean("/" + h.Name))
			e, wanted := w.files[rel]
			if !ok || !wanted || e.layer != i || e.name != h.Name || h.Typeflag != e.kind || h.Size != e.size {
				return nil
			}
			if written[rel] { // a name that is twice in a layer: the last counts
				if err := root.Remove(rel); err != nil {
					return err
				}
			}
			written[rel] = true
			return writeInto(root, rel, e, r)
		})
		if err != nil {
			return err
		}
	}
	if len(written) != len(w.files) {
		return fmt.Errorf("%d of %d files are not where they were", len(w.files)-len(written), len(w.files))
	}
	return nil
}

func writeInto(root *os.Root, name string, e entry, r io.Reader) error {
	if err := folder(root, path.Dir(name)); err != nil {
		return err
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(r, e.size+1))
	if err == nil && n != e.size {
		err = fmt.Errorf("%s has %d bytes and not %d", name, n, e.size)
	}
	return errors.Join(err, out.Chmod(0o444|os.FileMode(e.mode)&0o111), out.Close())
}

// folder makes a folder and those above it, open to the function's user whatever
// the umask is.
func folder(root *os.Root, name string) error {
	if name == "." {
		return root.Chmod(".", 0o755)
	}
	if info, err := root.Lstat(name); err == nil && info.IsDir() {
		return nil
	}
	if err := folder(root, path.Dir(name)); err != nil {
		return err
	}
	return errors.Join(root.Mkdir(name, 0o755), root.Chmod(name, 0o755))
}
