package flow

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fnstore/kit/photo/phototest"
	"fnstore/kit/queue"
	"fnstore/tests/storetest"
)

// processes finds the running processes of a function of this store.
func processes(t *testing.T, s *storetest.Store, function string) (pids []int) {
	t.Helper()
	if machine != nil {
		return contained(t, s, function)
	}
	all, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, exe := range all {
		target, err := os.Readlink(exe)
		if err != nil || !strings.HasPrefix(target, s.State+"/unpacked/") {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(exe), "cmdline"))
		if name, _, _ := strings.Cut(string(line), "\x00"); name != function {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(exe))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// contained is processes for containers: the first process of each.
func contained(t *testing.T, s *storetest.Store, function string) (pids []int) {
	t.Helper()
	for _, c := range containers(t, s) {
		if c.function == function && c.pid > 0 {
			pids = append(pids, c.pid)
		}
	}
	return pids
}

type container struct {
	function string
	pid      int // 0 when it does not run
}

// containers are those of this store, known by the folder that their secrets are
// mounted from.
func containers(t *testing.T, s *storetest.Store) (list []container) {
	t.Helper()
	all, err := machine.Run(nil, "ps", "-aq")
	if err != nil {
		t.Fatal(err)
	}
	for id := range strings.FieldsSeq(all) {
		said, err := machine.Run(nil, "inspect", "--format", `{{index .Config.Labels "fnstore.function"}} {{.State.Pid}} {{range .Mounts}}{{.Source}} {{end}}`, id)
		if err != nil {
			continue // it has just been removed
		}
		if part := strings.Fields(said); len(part) > 2 && strings.HasPrefix(part[2], s.State+"/") {
			pid, err := strconv.Atoi(part[1])
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, container{part[0], pid})
		}
	}
	return list
}

// A function is killed while it serves; the next call is answered.
func TestKill_AKilledFunctionAnswersTheNextCall(t *testing.T) {
	fits(t)
	for range 5 {
		pids := processes(t, shared, "hello")
		if len(pids) != 1 {
			t.Fatalf("processes %v", pids)
		}
		if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for syscall.Kill(pids[0], 0) == nil {
		}
		if status, body := post(t, shared, "/function/hello", `{"name":"again"}`); status != 200 || !strings.Contains(body, "again") {
			t.Fatalf("%d %s", status, body)
		}
	}
}

// The store is killed with photos accepted and not yet worked on. The next
// start adopts Postgres and Redis, finds everything deployed, and delivers.
func TestKill_AKilledStoreLosesNothing(t *testing.T) {
	fits(t)
	s := storetest.Start(t)
	photo := phototest.Phone(800, 600, 3)
	var ids []string
	for i := range 20 {
		ids = append(ids, upload(t, s, fmt.Sprintf("burst/%d.jpg", i), photo))
	}
	before := services(t, s)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if left := processes(t, s, "thumbnail"); len(left) != 0 && machine == nil { // a container runs on until the next start
		for _, pid := range left { // the kernel has told them; they end at once
			for syscall.Kill(pid, 0) == nil {
			}
		}
	}
	if err := s.Up(); err != nil {
		t.Fatalf("%v\n%s", err, s.Logs())
	}
	if after := services(t, s); after != before {
		t.Errorf("services before %s, after %s", before, after)
	}
	for _, id := range ids {
		if p := await(t, s, id); p.State != queue.Succeeded {
			t.Errorf("%s: %+v", id, p)
		}
	}
	if n := thumbnails(t, s, "burst/"); n != 60 {
		t.Errorf("%d thumbnails of 20 photos", n)
	}
	if status, _ := post(t, s, "/function/hello", "{}"); status != 200 {
		t.Errorf("hello: %d", status)
	}
}

// services tells which processes Postgres and Redis are. Of Postgres the file of
// its first process is asked: those that it forks look the same for a moment.
func services(t *testing.T, s *storetest.Store) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.State, "postgres", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	found := []string{pid}
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range all {
		if line, _ := os.ReadFile(p); strings.Contains(string(line), s.State+"/redis/") {
			found = append(found, filepath.Base(filepath.Dir(p)))
		}
	}
	if len(found) < 2 {
		t.Fatalf("services %v", found)
	}
	return strings.Join(found, " ")
}

// Down leaves nothing running, and the state as it was.
func TestKill_DownLeavesNothing(t *testing.T) {
	fits(t)
	before := networks(t)
	s := storetest.Start(t)
	id := upload(t, s, "kept.jpg", phototest.Phone(200, 150, 1))
	if p := await(t, s, id); p.State != queue.Succeeded {
		t.Fatalf("%+v", p)
	}
	if err := s.Down(); err != nil {
		t.Fatal(err)
	}
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range all {
		line, _ := os.ReadFile(p)
		if strings.Contains(string(line), s.State) && !strings.HasPrefix(string(line), "/bin/sh\x00-c") { // the test's own guard
			t.Errorf("left: %s", strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	if machine != nil {
		if left := containers(t, s); len(left) > 0 {
			t.Errorf("left: containers %v", left)
		}
		if now := networks(t); now != before {
			t.Errorf("networks before: %s, after: %s", before, now)
		}
	}
	if err := s.Up(); err != nil {
		t.Fatalf("%v\n%s", err, s.Logs())
	}
	if b, _ := thumbnail(t, s, 100, "kept.jpg"); len(b) == 0 {
		t.Error("the thumbnail is gone")
	}
}

// networks are those of the engine, "" where there is none.
func networks(t *testing.T) string {
	t.Helper()
	if machine == nil {
		return ""
	}
	list, err := machine.Run(nil, "network", "ls", "-q")
	if err != nil {
		t.Fatal(err)
	}
	return list
}
