package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// candidate is one function server.
type candidate struct {
	name, what string
	size       int64                                              // of its programs, bytes
	alone      bool                                               // it has a port that cannot be moved, so it runs while it is measured
	command    func(address string) (args []string, env []string) // for an echo at host:port
}

// process is a candidate that runs.
type process struct {
	cmd     *exec.Cmd
	address string
	first   time.Duration // from exec to the first 200
	dir     string
}

// prepare builds what is compared; absent says why a peer is not among them.
func prepare(dir string) (root string, all []*candidate, absent, err error) {
	bare, ours := filepath.Join(dir, "bare"), filepath.Join(dir, "ours")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", bare, "./tests/bench/server/testdata/bare")
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", nil, nil, err
	}
	root = filepath.Dir(strings.TrimSpace(string(mod)))
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	context := filepath.Join(dir, "context")
	copied := exec.Command("sh", "-c", `cp -R template/golang-middleware "$0" && cp -R tests/bench/server/testdata/echo/. "$0/function"`, context)
	copied.Dir = root
	script := exec.Command("sh", "build.sh", ours)
	script.Dir = context
	for _, c := range []*exec.Cmd{build, copied, script} {
		if out, err := c.CombinedOutput(); err != nil {
			return "", nil, nil, fmt.Errorf("%v: %w\n%s", c.Args, err, out)
		}
	}
	all = []*candidate{
		{name: "bare", what: "net/http alone", size: size(bare), command: func(at string) ([]string, []string) { return []string{bare, at}, nil }},
		{name: "ours", what: "function server: JSON log to a pipe, metrics, all limits on", size: size(ours), command: func(at string) ([]string, []string) {
			return []string{ours}, []string{"port=" + port(at), "metrics_port=" + port(free())}
		}},
	}
	others, absent := peers(root, dir, bare)
	return root, append(all, others...), absent, nil
}

func size(path string) int64 {
	if i, err := os.Stat(path); err == nil {
		return i.Size()
	}
	return 0
}

// free gives an address that nobody listens on.
func free() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

// start runs the candidate with its output in a pipe that is read, as a
// container engine reads it, until the first call has its 200.
func (c *candidate) start() (*process, error) {
	p := &process{address: free()}
	var err error
	if p.dir, err = os.MkdirTemp("", "fnstore-bench-"); err != nil {
		return nil, err
	}
	args, env := c.command(p.address)
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = append(env, "TMPDIR="+p.dir)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = io.Discard
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go io.Copy(io.Discard, out)
	for time.Since(begun) < 20*time.Second {
		if p.answers() {
			p.first = time.Since(begun)
			return p, nil
		}
		time.Sleep(200 * time.Microsecond)
	}
	p.stop()
	return nil, errors.New(c.name + " gave no 200")
}

// warm starts the candidate and gives it what the others have had.
func (c *candidate) warm(body, connections int, length time.Duration) (*process, error) {
	p, err := c.start()
	if err != nil {
		return nil, err
	}
	if _, err := load(p.address, connections, body, length/2); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return p, nil
}

func (p *process) answers() bool {
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n")
	head := make([]byte, 12)
	_, err = io.ReadFull(conn, head)
	return err == nil && bytes.Equal(head, []byte("HTTP/1.1 200"))
}

func (p *process) stop() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.cmd.Wait()
	os.RemoveAll(p.dir)
}

// members are the processes of the candidate's group.
func (p *process) members() (pids []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, s := range stats {
		if f := fields(s); len(f) > 2 && f[2] == strconv.Itoa(p.cmd.Process.Pid) {
			pids = append(pids, filepath.Base(filepath.Dir(s)))
		}
	}
	return pids
}

// fields of /proc/<pid>/stat after the name, which may hold spaces.
func fields(path string) []string {
	b, _ := os.ReadFile(path)
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}

// cpu is the time that the candidate has used, in seconds.
func (p *process) cpu() (seconds float64) {
	for _, pid := range p.members() {
		if f := fields("/proc/" + pid + "/stat"); len(f) > 12 {
			user, _ := strconv.ParseFloat(f[11], 64)
			system, _ := strconv.ParseFloat(f[12], 64)
			seconds += (user + system) / 100
		}
	}
	return seconds
}

// resident is the memory that the candidate holds, in MiB.
func (p *process) resident() (mib float64) {
	for _, pid := range p.members() {
		if f := fields("/proc/" + pid + "/stat"); len(f) > 21 {
			pages, _ := strconv.ParseFloat(f[21], 64)
			mib += pages * float64(os.Getpagesize()) / (1 << 20)
		}
	}
	return mib
}
