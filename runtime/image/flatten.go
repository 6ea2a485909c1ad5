package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Bounds of an image that is unpacked.
const (
	maxLayers     = 127      // Docker's own
	maxLayerBytes = 2 << 30  // of one layer, decompressed
	maxFiles      = 200_000  // entries of all layers
	maxLinks      = 40       // symbolic links on the way to one file, as in Linux
	maxNameLength = 4096     // bytes, as in Linux; of a name, and of a link's target
	maxNameBytes  = 64 << 20 // of all names and targets: they are held in memory
)

// entry is a file, folder or link of the flattened image.
type entry struct {
	layer int    // where its content is
	name  string // its name there
	kind  byte   // tar's type flag
	link  string // where a link leads
	mode  int64
	size  int64
}

// tree is the image's file system as a container would see it, by absolute
// path. It is a list of names: nothing of it is written to disk, so no name in
// an image can reach outside.
type tree struct{ entries map[string]entry }

// Whiteouts (OCI image-spec, "Image Layer Filesystem Changeset"): .wh.NAME
// removes NAME of the layers below, .wh..wh..opq all of its folder's.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// flatten reads the layers from the lowest to the highest.
func flatten(img v1.Image) (*tree, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("read the image's layers: %w", err)
	}
	if len(layers) > maxLayers {
		return nil, fmt.Errorf("it has more than %d layers", maxLayers)
	}
	t := &tree{entries: map[string]entry{}}
	seen, names := 0, 0
	for i, layer := range layers {
		upper := map[string]entry{} // of this layer; its whiteouts do not touch them
		gone := map[string]bool{}   // below, with all that is in it; "x/" is what is in x alone
		err := each(layer, func(h *tar.Header, _ io.Reader) error {
			if seen++; seen > maxFiles {
				return fmt.Errorf("it has more than %d files", maxFiles)
			}
			if len(h.Name) > maxNameLength || len(h.Linkname) > maxNameLength {
				return fmt.Errorf("it has a name of more than %d bytes", maxNameLength)
			}
			if names += len(h.Name) + len(h.Linkname); names > maxNameBytes {
				return fmt.Errorf("its names have more than %d bytes", maxNameBytes)
			}
			full := path.Clean("/" + h.Name)
			folder, base := path.Split(full)
			switch {
			case base == opaque:
				gone[folder] = true
			case strings.HasPrefix(base, whiteout):
				gone[folder+strings.TrimPrefix(base, whiteout)] = true
			default:
				upper[full] = entry{i, h.Name, h.Typeflag, h.Linkname, h.Mode, h.Size}
				if h.Typeflag != tar.TypeDir {
					gone[full] = true // with what a folder of that name held
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		maps.DeleteFunc(t.entries, func(name string, _ entry) bool { return covered(name, gone) })
		maps.Copy(t.entries, upper)
	}
	return t, nil
}

// covered reports whether a name or a folder it is in is gone.
func covered(name string, gone map[string]bool) bool {
	if len(gone) == 0 {
		return false
	}
	for p := name; ; {
		folder, _ := path.Split(p)
		if gone[p] || gone[folder] {
			return true
		}
		if folder == "/" {
			return false
		}
		p = strings.TrimSuffix(folder, "/")
	}
}

// each reads a layer's entries in order.
func each(layer v1.Layer, do func(*tar.Header, io.Reader) error) error {
	rc, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer rc.Close()
	limited := &io.LimitedReader{R: rc, N: maxLayerBytes}
	r := tar.NewReader(limited)
	for {
		h, err := r.Next()
		if limited.N <= 0 {
			return fmt.Errorf("it has more than %d bytes", maxLayerBytes)
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := do(h, r); err == errStop {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// errStop ends a walk over a layer early.
var errStop = errors.New("stop")

// open hands an entry's content to do.
func (t *tree) open(img v1.Image, e entry, do func(io.Reader) error) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	found := false
	err = each(layers[e.layer], func(h *tar.Header, r io.Reader) error {
		if h.Name != e.name || h.Typeflag != e.kind || h.Size != e.size {
			return nil
		}
		found = true
		if err := do(r); err != nil {
			return err
		}
		return errStop
	})
	if err == nil && !found {
		err = fmt.Errorf("%s is not where it was", e.name)
	}
	return err
}

// resolve follows links to a regular file and gives its path.
func (t *tree) resolve(name string) (string, error) {
	at, err := t.follow(name)
	if err != nil {
		return "", err
	}
	switch e, ok := t.entries[at]; {
	case !ok:
		return "", fmt.Errorf("%s is not in the image", name)
	case e.kind != tar.TypeReg:
		return "", fmt.Errorf("%s is not a file in the image", name)
	}
	return at, nil
}

// follow follows links to a path that is none, whether or not something is there:
// a folder may have no entry of its own.
func (t *tree) follow(name string) (string, error) {
	rest, done := path.Clean("/"+name), "/"
	for hops := 0; rest != "/"; {
		head, tail, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		next := path.Join(done, head)
		switch e, ok := t.entries[next]; {
		case ok && (e.kind == tar.TypeSymlink || e.kind == tar.TypeLink):
			if hops++; hops > maxLinks {
				return "", fmt.Errorf("%s: too many links", name)
			}
			to := e.link
			if e.kind == tar.TypeLink || path.IsAbs(to) {
				to = path.Join("/", to) // a hard link's target counts from the root
			} else {
				to = path.Join(done, to)
			}
			done, rest = "/", path.Join("/", to, tail)
		case ok && tail != "" && e.kind != tar.TypeDir:
			return "", fmt.Errorf("%s is not a file in the image", name)
		default:
			done, rest = next, "/"+tail
		}
	}
	return done, nil
}

// lookPath finds a program as execvp(3) does in the image: a name without a slash
// in the folders of its PATH, else relative to its working directory.
func (t *tree) lookPath(program, workdir string, env []string) (string, error) {
	if strings.Contains(program, "/") {
		if !path.IsAbs(program) {
			program = path.Join("/", workdir, program)
		}
		return t.resolve(program)
	}
	dirs := defaultPath
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			dirs = v
		}
	}
	for dir := range strings.SplitSeq(dirs, ":") {
		if !path.IsAbs(dir) {
			dir = path.Join("/", workdir, dir)
		}
		at, err := t.resolve(path.Join(dir, program))
		if err == nil && t.entries[at].mode&0o111 != 0 {
			return at, nil
		}
	}
	return "", fmt.Errorf("%s is in no folder of its PATH (%s)", program, dirs)
}

// defaultPath is what Docker sets when an image has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// harmless are files that a static program does without, or finds on this
// machine too.
var harmless = []string{
	"/etc/", "/dev/", "/proc/", "/sys/", "/run/", "/tmp/", "/var/lib/dpkg/", "/var/cache/", "/var/log/",
	"/usr/share/zoneinfo", "/usr/share/ca-certificates/", "/usr/share/doc/", "/usr/share/common-licenses/",
	"/usr/local/share/ca-certificates/", "/usr/lib/os-release", "/lib/apk/", "/zoneinfo.zip", "/.dockerenv",
}

// others are the files besides the program and its working directory that it may
// need, sorted: other programs, libraries, data.
func (t *tree) others(program string, w *workdir) (names []string) {
next:
	for name, e := range t.entries {
		if name == program || w.holds(name) || e.kind != tar.TypeReg && e.kind != tar.TypeLink {
			continue
		}
		if at, err := t.resolve(name); err == nil && at == program {
			continue // the program by another name
		}
		for _, p := range harmless {
			if strings.HasPrefix(name, p) {
				continue next
			}
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
