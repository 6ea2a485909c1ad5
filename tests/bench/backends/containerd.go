package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fnstore/tests/docker/engine"
	"fnstore/tests/storetest"
)

// containerd is a daemon of its own below a folder, and ctr as its client.
type containerd struct {
	socket string
	cmd    *exec.Cmd
}

func (c containerd) ctr(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ctr", append([]string{"-a", c.socket}, args...)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("ctr %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// inContainerd has the image of a store's registry pulled, and starts it as faasd
// does, but for the network: the container has the one of this program.
func inContainerd() (f figures, err error) {
	if engine.Dir() == "" {
		return f, errors.New("containerd needs root, and namespaces of its own")
	}
	store, err := storetest.Open()
	if err != nil {
		return f, err
	}
	defer store.Close()
	dir := filepath.Join(engine.Dir(), "ctd")
	c := containerd{socket: filepath.Join(dir, "s")}
	c.cmd = exec.Command("containerd", "--root", filepath.Join(dir, "root"), "--state", filepath.Join(dir, "state"), "-a", c.socket)
	if err := c.cmd.Start(); err != nil {
		return f, err
	}
	defer func() { _ = c.cmd.Process.Signal(syscall.SIGTERM); _ = c.cmd.Wait() }()
	if err := until("containerd answers", func() bool { _, err := c.ctr("version"); return err == nil }); err != nil {
		return f, err
	}
	image := store.Env["FNSTORE_REGISTRY"] + "/fnstore/hello:dev"
	if _, err := c.ctr("image", "pull", "--snapshotter", "native", image); err != nil {
		return f, err
	}
	if err := store.Down(); err != nil { // its hello would be counted
		return f, err
	}
	for n := range rounds + 1 {
		began := time.Now()
		id := fmt.Sprintf("hello-%d", n)
		if _, err := c.ctr("run", "-d", "--net-host", "--snapshotter", "native", "--env", "OPENFAAS_NAME=hello", image, id); err != nil {
			return f, err
		}
		if err := until("hello answers", func() bool {
			conn, err := net.DialTimeout("tcp", "127.0.0.1:8080", time.Second)
			if err != nil {
				return false
			}
			_ = conn.Close()
			return get("http://127.0.0.1:8080/") == nil
		}); err != nil {
			return f, err
		}
		if n > 0 {
			f.wake = append(f.wake, time.Since(began))
		}
		if n == rounds {
			time.Sleep(2 * time.Second)
			if f.function, f.helper, err = memory(); err != nil {
				return f, err
			}
		}
		if _, err := c.ctr("task", "kill", "-s", "SIGKILL", id); err != nil {
			return f, err
		}
		if err := until("the container is gone", func() bool { _, err := c.ctr("container", "rm", id); return err == nil || os.IsNotExist(err) }); err != nil {
			return f, err
		}
	}
	f.note = fmt.Sprintf("ctr run, without a gateway or a network of its own; %d rounds", rounds)
	return f, nil
}
