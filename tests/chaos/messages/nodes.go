package messages

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"fnstore/tests/chaos/messages/plan"
)

// node is a process that accepts and delivers messages.
type node struct {
	name, addr string
	bin        string
	env        []string

	mu    sync.Mutex
	cmd   *exec.Cmd
	leash io.Closer
	ended chan struct{} // closed when cmd has
}

// build compiles nodes that end at failpoints.
func build(t *testing.T) (bin string) {
	t.Helper()
	bin = filepath.Join(t.TempDir(), "node")
	out, err := exec.Command("go", "build", "-tags", "failpoint", "-o", bin, "./node").CombinedOutput()
	if err != nil {
		t.Fatalf("compile a node: %v: %s", err, out)
	}
	return bin
}

func newNode(t *testing.T, bin, name, postgres, socket string, more ...string) *node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	n := &node{name: name, addr: addr, bin: bin, env: append(os.Environ(),
		plan.Name+"="+name, plan.Listen+"="+addr, plan.Postgres+"="+postgres, plan.Socket+"="+socket)}
	n.env = append(n.env, more...)
	if err := n.start(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.kill)
	return n
}

// start starts the process; at a failpoint, if one is named, it ends by itself.
func (n *node) start(failpoint string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	cmd := exec.Command(n.bin)
	cmd.Env = append(n.env, "CHAOS_FAILPOINT="+failpoint)
	cmd.Stderr = os.Stderr
	leash, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	n.cmd, n.leash, n.ended = cmd, leash, ended
	return nil
}

func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = n.cmd.Process.Signal(s)
}

// kill ends the process as a power cut does, and returns when it has ended.
func (n *node) kill() {
	n.signal(syscall.SIGKILL)
	<-n.done()
}

func (n *node) done() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ended
}
