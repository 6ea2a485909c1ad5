package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A store in another PID namespace cannot see that this one runs, and removes
// its groups. They are made again.
func TestGroups_RemovedByAnotherStoreAreMadeAgain(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may make control groups")
	}
	g := Open()
	if !g.Has(Tasks) {
		t.Skip("no control groups can be made here") // as in a container
	}
	defer g.Close()
	for range 2 {
		for _, base := range g.base {
			for _, group := range groupsIn(base) {
				remove(group)
			}
			_ = os.Remove(base)
			if _, err := os.Stat(base); err == nil {
				t.Fatal(base + " is still there")
			}
		}
		group, err := g.New(Limits{Tasks: 10})
		if err != nil {
			t.Fatal(err)
		}
		group.Remove()
	}
}

// Version 1 lists the whole process while one thread of it is in a group.
// Removing the group then must not end this process.
func TestGroup_RemoveSparesThisProcess(t *testing.T) {
	g := Open()
	defer g.Close()
	if g.unified || !g.Has(Tasks) {
		t.Log("not tested: no control groups of version 1 can be made here")
		return
	}
	group, err := g.New(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := group.Entry()
	if err != nil {
		t.Fatal(err)
	}
	defer entry.Close()
	entered, left := make(chan error), make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		entered <- entry.Enter()
		<-left
		left <- entry.Leave()
	}()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	procs, err := os.ReadFile(filepath.Join(group.dirs[0], "cgroup.procs"))
	if err != nil || string(procs) != fmt.Sprintln(os.Getpid()) {
		t.Errorf("in the group: %q, %v", procs, err)
	}
	removed := make(chan struct{})
	go func() {
		defer close(removed)
		group.Remove()
	}()
	left <- nil
	if err := <-left; err != nil {
		t.Error(err)
	}
	<-removed
	if _, err := os.Stat(group.dirs[0]); !os.IsNotExist(err) {
		t.Errorf("the group is still there: %v", err)
	}
}
