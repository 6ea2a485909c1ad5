package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests of this file and its neighbours run a real binary, made by build.sh
// in a context laid out as faas-cli lays it out. torture is the one they share.
var torture string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "function-server-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	torture = filepath.Join(dir, "torture")
	ctx, err := buildContext(dir, "testdata/torture")
	if err == nil {
		var out []byte
		if out, err = buildIn(ctx, torture); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		return 1
	}
	return m.Run()
}

// buildContext does what faas-cli does: the template first, the handler's
// folder over its function/ next, then configuration.copy.
func buildContext(dir, handler string, extra ...string) (string, error) {
	return contextOf("..", dir, handler, extra...)
}

func contextOf(template, dir, handler string, extra ...string) (string, error) {
	ctx, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	function := filepath.Join(ctx, "function")
	for _, c := range [][]string{
		{"cp", "-R", template, ctx + "/."},
		{"cp", "-R", handler + "/.", function},
	} {
		if out, err := exec.Command(c[0], append([]string{"-T"}, c[1:]...)...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w: %s", c, err, out)
		}
	}
	for _, e := range extra {
		if out, err := exec.Command("cp", "-R", e, function).CombinedOutput(); err != nil {
			return "", fmt.Errorf("copy %s: %w: %s", e, err, out)
		}
	}
	return ctx, nil
}

func buildIn(ctx, out string, env ...string) ([]byte, error) {
	cmd := exec.Command("sh", "build.sh", out)
	cmd.Dir = ctx
	cmd.Env = append(os.Environ(), env...)
	return cmd.CombinedOutput()
}

// function is a running function.
type function struct {
	*exec.Cmd
	t      *testing.T
	url    string
	tmp    string
	exited chan struct{}
	err    error // of the exit, once exited is closed

	mu    sync.Mutex
	lines []map[string]any
	plain []string
	news  chan struct{} // gets something after each line
}

// start hands the binary its listener as descriptor 3, as a runtime does.
func start(t *testing.T, env ...string) *function { return startProgram(t, torture, env...) }

func startProgram(t *testing.T, program string, env ...string) *function {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	f := beginProgram(t, program, []*os.File{file}, append(env, "LISTEN_FDS=1")...)
	f.url = "http://" + ln.Addr().String()
	file.Close()
	ln.Close()
	f.await("listening")
	return f
}

func begin(t *testing.T, files []*os.File, env ...string) *function {
	return beginProgram(t, torture, files, env...)
}

func beginProgram(t *testing.T, program string, files []*os.File, env ...string) *function {
	t.Helper()
	f := command(t)
	f.Path, f.Args = program, []string{program}
	f.Env = append(f.Env, env...)
	f.ExtraFiles = files
	var stderr bytes.Buffer
	f.Stderr = &stderr
	out, err := f.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		f.read(out)
		f.err = f.Wait()
		close(f.exited)
	}()
	t.Cleanup(func() {
		f.Process.Kill()
		<-f.exited
		if stderr.Len() > 0 {
			t.Errorf("on stderr:\n%s", stderr.String())
		}
	})
	return f
}

func command(t *testing.T) *function {
	f := &function{Cmd: exec.Command(torture), t: t, tmp: t.TempDir(), exited: make(chan struct{}), news: make(chan struct{}, 1)}
	f.Env = []string{"TMPDIR=" + f.tmp, "PATH=" + os.Getenv("PATH")}
	return f
}

func (f *function) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l map[string]any
		err := json.Unmarshal(lines.Bytes(), &l)
		f.mu.Lock()
		if err != nil {
			f.plain = append(f.plain, lines.Text())
		} else {
			f.lines = append(f.lines, l)
		}
		f.mu.Unlock()
		select {
		case f.news <- struct{}{}:
		default:
		}
	}
}

// said gives the JSON lines with this message so far.
func (f *function) said(msg string) []map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []map[string]any
	for _, l := range f.lines {
		if l["msg"] == msg {
			found = append(found, l)
		}
	}
	return found
}

// await waits until n lines (1 when not given) with this message are there.
func (f *function) await(msg string, n ...int) []map[string]any {
	f.t.Helper()
	want := append(n, 1)[0]
	bound := time.After(20 * time.Second)
	for {
		if l := f.said(msg); len(l) >= want {
			return l
		}
		select {
		case <-f.news:
		case <-f.exited:
			if l := f.said(msg); len(l) >= want {
				return l
			}
			f.t.Fatalf("exited (%v) before %d %q; lines %v %v", f.err, want, msg, f.lines, f.plain)
		case <-bound:
			f.t.Fatalf("no %d %q lines; have %v %v", want, msg, f.lines, f.plain)
		}
	}
}

func (f *function) stop() {
	f.t.Helper()
	f.Process.Signal(os.Interrupt)
	select {
	case <-f.exited:
	case <-time.After(20 * time.Second):
		f.t.Fatal("did not exit")
	}
	if f.err != nil {
		f.t.Errorf("exit: %v", f.err)
	}
}

type answer struct {
	*http.Response
	body string
}

func (f *function) do(method, path, body string, headers ...string) (answer, error) {
	r, err := http.NewRequest(method, f.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res, string(b)}, err
}

func (f *function) get(path string, headers ...string) answer {
	f.t.Helper()
	a, err := f.do("GET", path, "", headers...)
	if err != nil {
		f.t.Fatalf("GET %s: %v", path, err)
	}
	return a
}
