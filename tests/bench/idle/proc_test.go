package main

import (
	"os"
	"os/exec"
	"testing"
)

// The measure is checked on a process whose behaviour is known: it wakes ten
// times and then waits for ever.
func TestProc_WakeUpsAreCounted(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", `for i in 1 2 3 4 5 6 7 8 9 10; do read -r line; done; echo; read -r line`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = cmd.Wait() }()
	before, err := look(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if p, ok := before.all[pid]; !ok || p.rss <= 0 || p.pss <= 0 || p.pss > p.rss || p.name == "" {
		t.Fatalf("our child is %+v", p)
	}
	for range 10 {
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		for woken := false; !woken; { // until it has read the line and sleeps again
			now, err := look(pid)
			if err != nil {
				t.Fatal(err)
			}
			if woken = now.wakes(before, pid) > 0; woken {
				before = now
			}
		}
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}
