package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A body that comes too slowly ends at read_timeout: the handler's read fails,
// and the connection takes nothing more.
func TestFaults_ReadTimeoutEndsATrickle(t *testing.T) {
	f := start(t, "read_timeout=200ms", "exec_timeout=1h")
	conn := dial(t, f, false)
	io.WriteString(conn, "POST /read HTTP/1.1\r\nHost: f\r\nContent-Length: 1000\r\n\r\nabc")
	line := f.await("read")[0]
	if line["n"] != 3.0 || !strings.Contains(line["error"].(string), "timeout") {
		t.Errorf("the handler read %v", line)
	}
	io.Copy(io.Discard, conn) // the answer, and the end
	if a := f.get("/ok"); a.StatusCode != 200 {
		t.Errorf("afterwards: %d", a.StatusCode)
	}
}

// A client that takes nothing ends at write_timeout.
func TestFaults_WriteTimeoutEndsAClientThatTakesNothing(t *testing.T) {
	f := start(t, "write_timeout=200ms", "exec_timeout=1h")
	conn := dial(t, f, false)
	io.WriteString(conn, "GET /big HTTP/1.1\r\nHost: f\r\n\r\n")
	if e := fmt.Sprint(f.await("big")[0]["error"]); !strings.Contains(e, "timeout") {
		t.Errorf("the handler's write failed with %v", e)
	}
}

// A client may leave after any byte, of its request and of the answer: what it
// held is let go, a request that was whole has its line, and none has two.
func TestFaults_ClientsThatLeaveAtEveryByte(t *testing.T) {
	f := start(t)
	f.get("/ok")
	whole := "POST /echo HTTP/1.1\r\nHost: f\r\nContent-Length: 5\r\n\r\nhello"
	before := open(t, f)
	for n := range len(whole) + 1 {
		for _, reset := range []bool{false, true} {
			conn := dial(t, f, false)
			io.WriteString(conn, whole[:n])
			if reset {
				conn.SetLinger(0)
			}
			conn.Close()
		}
	}
	for n := range 200 { // bytes of the answer that are read
		conn := dial(t, f, false)
		io.WriteString(conn, whole)
		io.CopyN(io.Discard, conn, int64(n))
		conn.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	for bound := time.Now().Add(20 * time.Second); open(t, f) > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(bound) {
			t.Fatalf("%d descriptors, %d before", open(t, f), before)
		}
	}
	f.stop()
	if n, most := len(f.said("request")), 1+2*(len(whole)+1)+200; n < 1+200 || n > most {
		t.Errorf("%d lines for at most %d requests", n, most)
	}
}

// open counts what the process has open.
func open(t *testing.T, f *function) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", f.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// What no server can survive ends the process with a code and a reason that its
// parent sees.
func TestFaults_HandlersThatEndTheProcess(t *testing.T) {
	for path, want := range map[string]struct {
		code  int
		words string
	}{"/exit": {3, ""}, "/overflow": {2, "stack overflow"}} {
		cmd := command(t)
		var last strings.Builder
		cmd.Stderr = &last
		cmd.Env = append(cmd.Env, "port=0", "metrics_port=0", "GOTRACEBACK=none")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var address string
		for address == "" && lines.Scan() {
			_, rest, _ := strings.Cut(lines.Text(), `"address":"`)
			address, _, _ = strings.Cut(rest, `"`)
		}
		_, port, _ := net.SplitHostPort(address)
		if res, err := http.Get("http://127.0.0.1:" + port + path); err == nil {
			t.Errorf("%s answered %d", path, res.StatusCode)
		}
		io.Copy(io.Discard, out)
		cmd.Wait()
		if cmd.ProcessState.ExitCode() != want.code || !strings.Contains(last.String(), want.words) {
			t.Errorf("%s: %v, %q", path, cmd.ProcessState, last.String())
		}
	}
}

// A function that is told to go is not ready any more, and of those who call
// meanwhile nobody loses an answer: a call is answered whole, or it was never
// taken in.
//
// Seed: R92, R93
func TestFaults_DrainsLoseNothing(t *testing.T) {
	for range 5 {
		f := start(t)
		if a := f.get("/_/ready"); a.StatusCode != 200 {
			t.Errorf("ready: %d", a.StatusCode)
		}
		os.WriteFile(filepath.Join(f.tmp, "gate"), nil, 0o600)
		in, err := http.Get(f.url + "/gate")
		if err != nil {
			t.Fatal(err)
		}
		var answered, odd atomic.Int64
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				client := &http.Client{Transport: &http.Transport{}}
				for {
					res, err := client.Post(f.url+"/echo", "", strings.NewReader("hello"))
					if err != nil {
						return // the listener is closed
					}
					body, err := io.ReadAll(res.Body)
					res.Body.Close()
					if answered.Add(1); err != nil || res.StatusCode != 200 || string(body) != "hello" {
						odd.Add(1)
					}
				}
			})
		}
		f.Process.Signal(syscall.SIGTERM)
		f.await("draining")
		for _, path := range []string{"/_/ready", "/_/health"} {
			// 503 while the listener is open, and nothing from then on.
			if a, err := f.do("GET", path, ""); err == nil && a.StatusCode != 503 {
				t.Errorf("%s while draining: %d", path, a.StatusCode)
			}
		}
		callers.Wait()
		os.Remove(filepath.Join(f.tmp, "gate"))
		if body, err := io.ReadAll(in.Body); err != nil || string(body) != "in\nout\n" {
			t.Errorf("the call in flight: %q %v", body, err)
		}
		<-f.exited
		if f.err != nil {
			t.Errorf("exit: %v", f.err)
		}
		if lines := len(f.said("request")); odd.Load() > 0 || int64(lines) != answered.Load()+1 {
			t.Errorf("%d answers, %d of them odd, %d calls taken in", answered.Load(), odd.Load(), lines-1)
		}
	}
}

// The probe that is run as a command.
//
// Seed: R92
func TestFaults_HealthcheckByCommand(t *testing.T) {
	f := start(t)
	check := func() error {
		cmd := exec.Command(torture, "-run-healthcheck")
		cmd.Env = []string{"TMPDIR=" + f.tmp}
		return cmd.Run()
	}
	if err := check(); err != nil {
		t.Errorf("while it serves: %v", err)
	}
	f.stop()
	if err := check(); err == nil {
		t.Error("it has ended, and is called healthy")
	}
}

// A hijacked connection is the handler's: no limit of ours ends it, though the
// context ends when the call's time is over.
func TestFaults_HijackedConnectionsAreTheHandlers(t *testing.T) {
	f := start(t, "read_timeout=100ms", "write_timeout=100ms", "exec_timeout=200ms")
	conn := dial(t, f, false)
	io.WriteString(conn, "GET /hijack HTTP/1.1\r\nHost: f\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", res, err)
	}
	if e := f.await("over")[0]["error"]; e != "context deadline exceeded" {
		t.Errorf("the context ended with %v", e)
	}
	for range 3 { // all limits have passed
		io.WriteString(conn, "still here\n")
		if line, err := in.ReadString('\n'); err != nil || line != "still here\n" {
			t.Fatalf("%q %v", line, err)
		}
	}
	conn.Close()
	f.stop()
	if l := f.said("request"); len(l) != 1 || l[0]["status"] != 101.0 {
		t.Errorf("%v", l)
	}
}
