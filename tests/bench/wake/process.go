package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a function's process and what it takes to start its like.
type process struct {
	pid     string
	binary  string
	environ []byte // as the kernel shows it
}

func (p *process) proc(file string) string { return filepath.Join("/proc", p.pid, file) }

// find gives the function's process among the store's children.
func find(store int, function string) (*process, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", store))
	if err != nil {
		return nil, err
	}
	for _, l := range lists {
		b, _ := os.ReadFile(l) // a thread may have ended
		for pid := range strings.FieldsSeq(string(b)) {
			p := &process{pid: pid}
			p.environ, _ = os.ReadFile(p.proc("environ"))
			if !bytes.Contains(append([]byte{0}, p.environ...), []byte("\x00OPENFAAS_NAME="+function+"\x00")) {
				continue
			}
			if p.binary, err = os.Readlink(p.proc("exe")); err == nil {
				return p, nil
			}
		}
	}
	return nil, fmt.Errorf("no process of %s among those of the store", function)
}

// again starts the binary by itself, with a folder of its own and its listener
// as descriptor 3, and takes the time to the answer of a request that waits.
func (p *process) again() (time.Duration, error) {
	dir, err := os.MkdirTemp("", "fnstore-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	socket, err := l.File()
	if err != nil {
		return 0, err
	}
	defer socket.Close()
	cmd := exec.Command(p.binary)
	for v := range strings.SplitSeq(strings.TrimRight(string(p.environ), "\x00"), "\x00") {
		if !strings.HasPrefix(v, "TMPDIR=") && !strings.HasPrefix(v, "HOME=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env, cmd.Dir, cmd.ExtraFiles = append(cmd.Env, "TMPDIR="+dir, "HOME="+dir), dir, []*os.File{socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, out)
		read <- err
	}()
	err = ask("unix", path, "/")
	took := time.Since(begun)
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	<-read
	_ = cmd.Wait() // it was killed
	return took, err
}

// ask asks once and waits for a 200.
func ask(network, address, path string) error {
	c, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	head := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(c, head); err != nil {
		return err
	}
	if string(head) != "HTTP/1.1 200" {
		return fmt.Errorf("%s answered %q", path, head)
	}
	return nil
}
