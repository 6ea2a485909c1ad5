package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Where things lie in an image, as in the template's Dockerfile.
const (
	home         = "/home/app"
	handlerPath  = home + "/handler"
	caPath       = "/etc/ssl/certs/ca-certificates.crt"
	zoneinfoPath = "/zoneinfo.zip"
	user         = "65532:65532"
)

// caBundles are the places where distributions keep the certificates that TLS
// clients trust, the commonest first.
var caBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Alpine, Arch
	"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",             // openSUSE
	"/etc/ssl/cert.pem",                  // Alpine, BSD
}

// base is what every function's image of this machine has in common.
type base struct {
	ca, zoneinfo []byte
	notes        []string // what is missing, for people
}

// readBase reads the base's parts. What the machine does not have is left out
// and noted: a function that calls nobody by TLS does not miss certificates.
func readBase(goroot string) (*base, error) {
	b := &base{}
	var err error
	if b.ca, err = first(append([]string{os.Getenv("SSL_CERT_FILE")}, caBundles...)); err != nil {
		return nil, err
	}
	if b.ca == nil {
		b.notes = append(b.notes, "this machine has no CA certificates (package ca-certificates), so the image has none either: the function cannot call https addresses")
	}
	if b.zoneinfo, err = first([]string{filepath.Join(goroot, "lib", "time", "zoneinfo.zip")}); err != nil {
		return nil, err
	}
	if b.zoneinfo == nil {
		b.notes = append(b.notes, "Go's zoneinfo.zip was not found, so the image knows no time zone but UTC")
	}
	return b, nil
}

func first(paths []string) ([]byte, error) {
	for _, p := range paths {
		if !filepath.IsAbs(p) {
			continue
		}
		if data, err := os.ReadFile(p); err == nil {
			return data, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, nil
}

// layer is the base as an image layer: certificates, time zones and a /tmp
// that everyone may write, which is what OpenFaaS promises a function.
func (b *base) layer() (v1.Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	made := map[string]bool{}
	if b.ca != nil {
		addFile(w, made, caPath, 0o644, int64(len(b.ca)), bytes.NewReader(b.ca))
	}
	if b.zoneinfo != nil {
		addFile(w, made, zoneinfoPath, 0o644, int64(len(b.zoneinfo)), bytes.NewReader(b.zoneinfo))
	}
	addFolder(w, made, "/tmp", 0o1777)
	if err := w.Close(); err != nil { // remembers the first error of all
		return nil, err
	}
	return compressed(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
}

// programLayer is the layer with the function's own files alone, so that a
// changed function sends nothing else: its program and, when the handler has
// them, its folders static and migrations and its grants.sql.
func programLayer(binary, handler string) (v1.Layer, error) {
	files := &fileList{within: []string{filepath.Dir(binary), handler}}
	if err := files.add(binary, handlerPath); err != nil {
		return nil, err
	}
	files.items[0].mode = 0o755
	for _, name := range []string{staticFolder, migrationFolder, grantsFile} {
		from := filepath.Join(handler, name)
		if _, err := os.Stat(from); err != nil {
			continue
		}
		if err := files.add(from, home+"/"+name); err != nil {
			return nil, err
		}
	}
	return files.layer()
}

// layer is the files as an image layer.
func (l *fileList) layer() (v1.Layer, error) {
	return compressed(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			tw := tar.NewWriter(w)
			err := l.tar(tw)
			w.CloseWithError(errors.Join(err, tw.Close()))
		}()
		return r, nil
	})
}

func (l *fileList) tar(w *tar.Writer) error {
	made := map[string]bool{}
	for _, it := range l.items {
		if it.mode.IsDir() {
			if err := addFolder(w, made, it.to, 0o755); err != nil {
				return err
			}
			continue
		}
		mode := int64(0o644) | int64(it.mode.Perm()&0o111)
		f, err := os.Open(it.from)
		if err != nil {
			return err
		}
		err = addFile(w, made, it.to, mode, it.size, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// compressed favours speed: an image is pushed to this machine far more often
// than it leaves it.
func compressed(open tarball.Opener) (v1.Layer, error) {
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithCompressedCaching)
}

// The time stamps are zero and the owner is root everywhere, so the same
// inputs give the same bytes.
var epoch = time.Unix(0, 0).UTC()

func addFolder(w *tar.Writer, made map[string]bool, name string, mode int64) error {
	if name == "/" || made[name] {
		return nil
	}
	made[name] = true
	if err := addFolder(w, made, path.Dir(name), 0o755); err != nil {
		return err
	}
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(name, "/") + "/", Mode: mode, ModTime: epoch})
}

func addFile(w *tar.Writer, made map[string]bool, name string, mode, size int64, r io.Reader) error {
	if err := addFolder(w, made, path.Dir(name), 0o755); err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(name, "/"), Mode: mode, Size: size, ModTime: epoch}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(w, r)
	return err
}

// assemble puts the two layers and the configuration together.
func assemble(b *base, binary, handler string, p v1.Platform) (v1.Image, error) {
	common, err := b.layer()
	if err != nil {
		return nil, fmt.Errorf("make base layer: %w", err)
	}
	program, err := programLayer(binary, handler)
	if err != nil {
		return nil, fmt.Errorf("make program layer: %w", err)
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img,
		mutate.Addendum{Layer: common, History: v1.History{CreatedBy: "fnstore: certificates, time zones, /tmp", Created: v1.Time{Time: epoch}}},
		mutate.Addendum{Layer: program, History: v1.History{CreatedBy: "fnstore: the function", Created: v1.Time{Time: epoch}}})
	if err != nil {
		return nil, fmt.Errorf("assemble image: %w", err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("assemble image: %w", err)
	}
	config = config.DeepCopy()
	config.Created = v1.Time{Time: epoch}
	config.OS, config.Architecture, config.Variant = p.OS, p.Architecture, p.Variant
	config.Config = v1.Config{
		Entrypoint:   []string{handlerPath},
		User:         user,
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		WorkingDir:   home,
	}
	if b.zoneinfo != nil {
		config.Config.Env = []string{"ZONEINFO=" + zoneinfoPath}
	}
	return mutate.ConfigFile(img, config)
}
