package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// publishSelf puts an image of this very program into the registry.
func publishSelf(ctx context.Context, host string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := image.Publish(ctx, host+"/fnstore/fnstore:"+imageTag(), self, "/fnstore"); err != nil {
		return fmt.Errorf("push the image of fnstore: %w", err)
	}
	return nil
}

type registryCmd struct{}

// Run serves the state's registry and nothing else, for a machine whose
// functions are run by faasd or Docker.
func (registryCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	if _, err := s.openState(); err != nil {
		return err
	}
	unlock, err := lockState(s)
	if err != nil {
		return err
	}
	defer unlock()
	st := &store{set: s}
	if err := st.startRegistry(); err != nil {
		return err
	}
	defer func() { st.stop(context.WithoutCancel(ctx)) }()
	if err := writeEnv(s.path("env"), []variable{{"FNSTORE_STATE", s.State}, {"FNSTORE_REGISTRY", st.registryAddr}}); err != nil {
		return err
	}
	fmt.Fprintf(out, "The registry is at %s until Ctrl-C.\n", st.registryAddr)
	<-ctx.Done()
	return nil
}
