package image

import (
	"context"
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
	img, err := ofProgram(binary, at)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(file, ref, img)
}

// Publish is Archive into a registry.
func Publish(ctx context.Context, ref, binary, at string) error {
	img, err := ofProgram(binary, at)
	if err != nil {
		return err
	}
	return push(ctx, ref, img)
}

func ofProgram(binary, at string) (v1.Image, error) {
	common, err := readBase("") // no time zones: a handler's need, not a server's
	if err != nil {
		return nil, err
	}
	base, err := common.layer()
	if err != nil {
		return nil, err
	}
	files := &fileList{within: []string{filepath.Dir(binary)}}
	if err := files.add(binary, at); err != nil {
		return nil, err
	}
	files.items[0].mode = 0o755
	program, err := files.layer()
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, base, program)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Created = v1.Time{Time: epoch}
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: []string{at}, WorkingDir: "/"}
	return mutate.ConfigFile(img, config)
}
