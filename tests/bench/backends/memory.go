package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// functions are the processes of hello, by what the store or this program put
// into their environment.
func functions() (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, at := range all {
		env, err := os.ReadFile(at)
		name, _ := os.Readlink(filepath.Join(filepath.Dir(at), "exe"))
		if err != nil || filepath.Base(name) != "handler" {
			continue
		}
		if bytes.Contains(append([]byte{0}, env...), []byte("\x00OPENFAAS_NAME=hello\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(at)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// memory is the resident memory of the function's process, and of the shim that
// an engine keeps for its container.
func memory() (function, helper int64, err error) {
	pids := functions()
	if len(pids) != 1 {
		return 0, 0, errors.New("hello does not run once")
	}
	if function, err = resident(pids[0]); err != nil {
		return 0, 0, err
	}
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pids[0]), "status"))
	if err != nil {
		return 0, 0, err
	}
	for _, words := range lines(string(status)) {
		if len(words) < 2 || words[0] != "PPid:" {
			continue
		}
		parent, err := strconv.Atoi(words[1])
		if err != nil {
			return 0, 0, err
		}
		name, err := os.ReadFile(filepath.Join("/proc", words[1], "comm"))
		if err == nil && strings.HasPrefix(string(name), "containerd-shim") {
			helper, err = resident(parent)
		}
		return function, helper, err
	}
	return 0, 0, errors.New("hello has no parent")
}

// resident is VmRSS, proc(5).
func resident(pid int) (int64, error) {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for _, words := range lines(string(status)) {
		if len(words) >= 2 && words[0] == "VmRSS:" {
			n, err := strconv.ParseInt(words[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("no VmRSS")
}
