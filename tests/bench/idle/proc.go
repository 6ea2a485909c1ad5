package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// seen is what Linux says of a process and those that it started, at one time.
type seen struct {
	at  time.Time
	all map[int]process
}

type process struct {
	name     string
	rss, pss int64         // bytes
	cpu      time.Duration // its own, and of children that have ended
	wakes    map[string]int64
}

// wakes counts the voluntary context switches of a process since before. A
// thread that has begun since counts from its beginning, one that has ended not
// at all.
func (s seen) wakes(before seen, pid int) float64 {
	n := int64(0)
	for thread, count := range s.all[pid].wakes {
		n += count - before.all[pid].wakes[thread]
	}
	return float64(n)
}

// look reads the tree below a process, itself included.
func look(root int) (seen, error) {
	s := seen{at: time.Now(), all: map[int]process{}}
	kids, err := children()
	if err != nil {
		return s, err
	}
	for next := []int{root}; len(next) > 0; {
		pid := next[0]
		next = append(next[1:], kids[pid]...)
		p, err := read(pid)
		if errors.Is(err, fs.ErrNotExist) && pid != root {
			continue // it has ended
		}
		if err != nil {
			return s, fmt.Errorf("look at process %d: %w", pid, err)
		}
		s.all[pid] = p
	}
	return s, nil
}

// children gives every process' children.
func children() (map[int][]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	kids := map[int][]int{}
	for _, dir := range dirs {
		f, err := stat(dir)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(dir))
		parent, _ := strconv.Atoi(f[1])
		kids[parent] = append(kids[parent], pid)
	}
	return kids, nil
}

// stat gives the fields of /proc/PID/stat from the third on (proc_pid_stat(5)):
// the second is a name that may hold anything.
func stat(dir string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return nil, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 15 {
		return nil, fmt.Errorf("%s/stat has %d fields", dir, len(f))
	}
	return f, nil
}

// tick is the unit of the times in /proc/PID/stat on every platform that Go
// runs on: sysconf(_SC_CLK_TCK) is 100 there.
const tick = 10 * time.Millisecond

func read(pid int) (p process, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	f, err := stat(dir)
	if err != nil {
		return p, err
	}
	for _, field := range f[13:15] { // cutime, cstime
		n, _ := strconv.ParseInt(field, 10, 64)
		p.cpu += time.Duration(n) * tick
	}
	name, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return p, err
	}
	p.name = strings.TrimSpace(strings.ReplaceAll(string(name[:min(len(name), 80)]), "\x00", " "))
	memory, err := fields(filepath.Join(dir, "smaps_rollup"))
	if err != nil {
		return p, err
	}
	p.rss, p.pss = memory["Rss"]<<10, memory["Pss"]<<10
	tasks, err := os.ReadDir(filepath.Join(dir, "task"))
	if err != nil {
		return p, err
	}
	p.wakes = map[string]int64{}
	for _, t := range tasks {
		at := filepath.Join(dir, "task", t.Name())
		status, err := fields(filepath.Join(at, "status"))
		if err != nil {
			continue // the thread has ended
		}
		p.wakes[t.Name()] = status["voluntary_ctxt_switches"]
		ran, err := os.ReadFile(filepath.Join(at, "schedstat")) // nanoseconds on a processor, first
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(ran), " ")
		n, _ := strconv.ParseInt(first, 10, 64)
		p.cpu += time.Duration(n)
	}
	return p, nil
}

// fields reads lines of "Name: number", and leaves all others out.
func fields(path string) (map[string]int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := map[string]int64{}
	for line := range strings.Lines(string(b)) {
		name, value, ok := strings.Cut(line, ":")
		if f := strings.Fields(value); ok && len(f) > 0 {
			if n, err := strconv.ParseInt(f[0], 10, 64); err == nil {
				m[name] = n
			}
		}
	}
	return m, nil
}
