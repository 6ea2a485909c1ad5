package server_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
)

func listener(t *testing.T) (net.Listener, *os.File) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); ln.Close() })
	return ln, f
}

func TestHandover_InheritedListenerStaysOurs(t *testing.T) {
	f := start(t, "LISTEN_FDNAMES=http")
	if a := f.get("/env"); strings.Contains(a.body, "LISTEN_") {
		t.Errorf("a child would act on it:\n%s", a.body)
	}
	if a := f.get("/child"); strings.Contains(a.body, "socket:") {
		t.Errorf("a child holds a socket:\n%s", a.body)
	}
}

func TestHandover_ListenerIsChosenByName(t *testing.T) {
	_, metrics := listener(t)
	ln, http := listener(t)
	f := begin(t, []*os.File{metrics, http}, "LISTEN_FDS=2", "LISTEN_FDNAMES=metrics:http")
	f.url = "http://" + ln.Addr().String()
	if l := f.await("listening")[0]; l["address"] != ln.Addr().String() {
		t.Errorf("%v", l)
	}
	f.get("/ok")
}

func TestHandover_DescriptorsForAnotherProcessAreLeft(t *testing.T) {
	ln, file := listener(t)
	f := begin(t, []*os.File{file}, "LISTEN_FDS=1", "LISTEN_PID=1", "port=0")
	if l := f.await("listening")[0]; l["address"] == ln.Addr().String() {
		t.Errorf("took it: %v", l)
	}
}

func TestHandover_DescriptorThatIsNoListener(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, fds := range []string{"1", "x", "-1", "65"} {
		f := begin(t, []*os.File{file}, "LISTEN_FDS="+fds)
		<-f.exited
		if f.ProcessState.ExitCode() != 1 || len(f.said("function server")) != 1 {
			t.Errorf("LISTEN_FDS=%s: %v %v", fds, f.err, f.lines)
		}
	}
}

func TestHandover_SettingsThatCannotBeReadAreSaid(t *testing.T) {
	f := start(t, "exec_timeout=soon", "max_inflight=-1", "log_call_id=maybe", "port=http")
	said := fmt.Sprint(f.lines)
	for _, name := range []string{"exec_timeout", "max_inflight", "log_call_id", "port"} {
		if !strings.Contains(said, name+"=") {
			t.Errorf("no line about %s in %s", name, said)
		}
	}
}

// The parent's listener outlives the process: nobody is refused while one
// process of a function follows another.
func TestHandover_KilledProcessIsFollowedOnTheSameListener(t *testing.T) {
	ln, file := listener(t)
	for i := 0; i < 2; i++ {
		f := begin(t, []*os.File{file}, "LISTEN_FDS=1")
		f.url = "http://" + ln.Addr().String()
		f.await("listening")
		if a := f.get("/ok"); a.StatusCode != 200 {
			t.Errorf("%d", a.StatusCode)
		}
		f.Process.Kill()
		<-f.exited
	}
}

func TestHandover_OneLinePerRequestWhateverItHolds(t *testing.T) {
	f := start(t, "log_callid=true")
	paths := []string{"/echo", "/a%0a%22msg%22", "/%1b%5b31mred", "/%e2%80%a8", "/%ff%00", "/" + strings.Repeat("x", 5000), "/panic", "/goexit"}
	headers := []string{"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "User-Agent", "\u2028 \x9b31m", "Authorization", "Bearer canary-7391"}
	const workers, rounds = 8, 20
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range rounds {
				f.do("POST", paths[i%len(paths)]+"?token=canary-7391", "canary-7391", headers...)
			}
		})
	}
	wg.Wait()
	f.stop()
	lines := f.said("request")
	if len(lines) != workers*rounds || len(f.plain) != 0 {
		t.Errorf("%d request lines for %d requests; not JSON: %q", len(lines), workers*rounds, f.plain)
	}
	for _, l := range lines {
		if l["trace_id"] != "4bf92f3577b34da6a3ce929d0e0e4736" || !uuid.MatchString(fmt.Sprint(l["call_id"])) || l["time"] == nil || l["duration"] == nil {
			t.Fatalf("line %v", l)
		}
	}
	if strings.Contains(fmt.Sprint(f.lines), "canary") {
		t.Error("the log holds a secret of a request")
	}
}

func TestHandover_HandlersOwnLogIsJSON(t *testing.T) {
	f := start(t)
	f.get("/log")
	if l := f.await("said by the handler")[0]; l["n"] != 1.0 || l["level"] != "INFO" {
		t.Errorf("%v", l)
	}
}

// A runtime that is gone takes the reading end of the log along.
func TestHandover_LivesWithoutAReaderOfItsLog(t *testing.T) {
	ln, file := listener(t)
	f := orphan(t, file)
	f.url = "http://" + ln.Addr().String()
	for range 3 {
		if a := f.get("/log"); a.StatusCode != 200 {
			t.Errorf("%d", a.StatusCode)
		}
	}
}

func orphan(t *testing.T, file *os.File) *function {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	f := command(t)
	f.Stdout = w
	f.Env = append(f.Env, "LISTEN_FDS=1")
	f.ExtraFiles = []*os.File{file}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() { f.err = f.Wait(); close(f.exited) }()
	t.Cleanup(func() { f.Process.Kill(); <-f.exited })
	return f
}
