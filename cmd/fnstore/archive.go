package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"fnstore/runtime/image"
	"fnstore/runtime/image/registry"
)

// archive writes an image of this very program to a file, for docker load.
func archive(file string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := image.Archive(file, "fnstore:"+imageTag(), self, "/fnstore"); err != nil {
		return fmt.Errorf("write the image of fnstore: %w", err)
	}
	return nil
}

// imageTag is the tag of the images of stack.yml.
func imageTag() string {
	if v := os.Getenv("FNSTORE_VERSION"); v != "" {
		return v
	}
	return "dev"
}

// registry is the address of the state's registry: the running store's, or while
// none runs one that ends with done. It is "" where the environment names another.
func (s *settings) registry(ctx context.Context) (address string, done func(), err error) {
	done = func() {}
	if os.Getenv("FNSTORE_REGISTRY") != "" && !s.stateFlag {
		return "", done, nil
	}
	unlock, err := lockState(s)
	if errors.Is(err, errRunning) {
		vars, err := readEnv(s.path("env"))
		return vars["FNSTORE_REGISTRY"], done, err
	}
	if err != nil {
		return "", done, err
	}
	st := &store{set: s}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		unlock()
		return "", done, err
	}
	h, err := registry.Open(s.path("registry"))
	if err != nil {
		_ = l.Close()
		unlock()
		return "", done, err
	}
	st.serve(l, "registry", h)
	return l.Addr().String(), func() { st.stop(context.WithoutCancel(ctx)); unlock() }, nil
}
