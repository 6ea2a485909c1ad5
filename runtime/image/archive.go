package image

import (
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Archive writes an image of one program of this machine to a file that docker
// load reads: the program at the path inside it, which is its entry point, the
// certificates of this machine, and /tmp. It runs as root.
func Archive(file, tag, binary, at string) error {
	ref, err := name.NewTag(tag)
	if err != nil {
		return err
	}
	common, err := readBase("") // no time zones: a handler's need, not a server's
	if err != nil {
		return err
	}
	base, err := common.layer()
	if err != nil {
		return err
	}
	files := &fileList{within: []string{filepath.Dir(binary)}}
	if err := files.add(binary, at); err != nil {
		return err
	}
	files.items[0].mode = 0o755
	program, err := files.layer()
	if err != nil {
		return err
	}
	img, err := mutate.AppendLayers(empty.Image, base, program)
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.Created = v1.Time{Time: epoch}
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: []string{at}, WorkingDir: "/"}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return err
	}
	return tarball.WriteToFile(file, ref, img)
}
