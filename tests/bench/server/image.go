package main

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"fnstore/runtime/image"
	"fnstore/runtime/image/registry"
	"fnstore/runtime/stackfile"
)

// weigh builds the function hello as the store does and gives what its image
// weighs: stored, and unpacked, in bytes.
func weigh(root, dir string) (packed, unpacked int64, err error) {
	kept, err := registry.Open(filepath.Join(dir, "registry"))
	if err != nil {
		return 0, 0, err
	}
	server := httptest.NewServer(kept)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	file, err := stackfile.Parse(filepath.Join(root, "stack.yml"), func(variable string) (string, bool) {
		if variable == "FNSTORE_REGISTRY" {
			return host, true
		}
		return "", false
	})
	if err != nil {
		return 0, 0, err
	}
	hello := file.Function("hello")
	if hello == nil {
		return 0, 0, fmt.Errorf("stack.yml has no function hello")
	}
	b := image.Builder{Root: root, Work: filepath.Join(dir, "work"), Registry: host}
	built, err := b.Build(context.Background(), file, hello, nil)
	if err != nil {
		return 0, 0, err
	}
	ref, err := name.ParseReference(built.Pinned(), name.Insecure)
	if err != nil {
		return 0, 0, err
	}
	img, err := remote.Image(ref)
	if err != nil {
		return 0, 0, err
	}
	layers, err := img.Layers()
	if err != nil {
		return 0, 0, err
	}
	for _, l := range layers {
		stored, err := l.Size()
		if err != nil {
			return 0, 0, err
		}
		plain, err := l.Uncompressed()
		if err != nil {
			return 0, 0, err
		}
		n, err := io.Copy(io.Discard, plain)
		if closed := plain.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return 0, 0, err
		}
		packed, unpacked = packed+stored, unpacked+n
	}
	return packed, unpacked, nil
}
