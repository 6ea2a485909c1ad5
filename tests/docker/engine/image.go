package engine

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tools are what build.sh and the Dockerfile call.
var tools = []string{"sh", "cp", "mkdir", "chmod", "find", "sed", "rm", "dirname", "cat"}

// Compiler imports an image with a shell, Go and the CA bundle: no image is
// pulled, so it works without a way to any registry.
func (e *Engine) Compiler(tag string) error {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	files, err := programs(tools...)
	if err != nil {
		return err
	}
	files["etc/ssl/certs/ca-certificates.crt"] = "/etc/ssl/certs/ca-certificates.crt"
	root := strings.TrimSpace(string(goroot))
	for _, part := range []string{"bin", "lib", "pkg", "src", "go.env", "VERSION"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(at string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(at, "_test.go") || strings.Contains(at, "/testdata/") {
				return err
			}
			files["usr/local/go/"+strings.TrimPrefix(at, root+"/")] = at
			return nil
		})
		if err != nil {
			return err
		}
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(pack(w, files)) }()
	_, err = e.Run(r, "import", "--change", "ENV PATH=/bin:/usr/local/go/bin HOME=/root GOTOOLCHAIN=local", "-", tag)
	return err
}

func pack(out io.Writer, files map[string]string) error {
	w := tar.NewWriter(out)
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777})
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "root/", Mode: 0o700})
	for name, from := range files {
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if i, err := os.Stat(from); err == nil {
			mode = int64(i.Mode().Perm())
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(b))}); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Close()
}

// programs finds programs of this machine and the libraries they load, by their
// place in an image.
func programs(names ...string) (map[string]string, error) {
	files := map[string]string{} // in the image, here
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, err
		}
		files["bin/"+filepath.Base(name)] = path
		libraries, err := exec.Command("ldd", path).Output()
		if err != nil {
			continue // static
		}
		for _, word := range strings.Fields(string(libraries)) {
			if filepath.IsAbs(word) {
				files[strings.TrimPrefix(word, "/")] = word
			}
		}
	}
	return files, nil
}

// Import makes an image of files of this machine, by their place in it, with
// lines of a Dockerfile as its settings. The programs named come with their
// libraries.
func (e *Engine) Import(tag string, files map[string]string, names []string, settings ...string) error {
	all, err := programs(names...)
	if err != nil {
		return err
	}
	for at, from := range files {
		all[at] = from
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(pack(w, all)) }()
	args := []string{"import"}
	for _, s := range settings {
		args = append(args, "--change", s)
	}
	_, err = e.Run(r, append(args, "-", tag)...)
	return err
}
