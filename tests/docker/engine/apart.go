package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// apartVar holds the folder of those who are set apart: everything of an engine
// is below it. innerVar marks the second of the two processes there.
const (
	apartVar = "FNSTORE_TEST_APART"
	innerVar = "FNSTORE_TEST_INNER"
)

// Dir is a folder that is removed when the process that called Apart has ended.
func Dir() string { return os.Getenv(apartVar) }

// Apart runs this program again in namespaces of its own and returns its exit
// code; there, it runs main. Where that is impossible it runs main at once, and
// Start will say why. When the program ends, by whatever, the kernel ends every
// process that it left and forgets its network and mounts.
func Apart(main func() int) int {
	switch {
	case os.Getenv(innerVar) != "":
		return main()
	case os.Getenv(apartVar) != "":
		return first()
	case Able() != nil:
		return main()
	}
	dir, err := os.MkdirTemp("/tmp", "fnd-") // short: a socket's path has 107 bytes
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer clear(dir)
	runtime.LockOSThread() // or the signal below could come when this thread ends
	cmd := again(apartVar + "=" + dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	return code(cmd.Run())
}

func again(variable string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), variable)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

func code(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() > 0 {
		return e.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "set apart:", err)
	return 1
}

// first is the first process of the namespace: it readies the place, and takes
// in whoever loses a parent.
func first() int {
	if err := ready(); err != nil {
		fmt.Fprintln(os.Stderr, "set apart:", err)
		return 1
	}
	cmd := again(innerVar + "=yes")
	if err := cmd.Start(); err != nil {
		return code(err)
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return code(err)
		case pid == cmd.Process.Pid && status.Exited():
			return status.ExitStatus()
		case pid == cmd.Process.Pid:
			return 1
		}
	}
}

// ready gives the namespaces a /proc and a loopback of their own.
func ready() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	return nil
}

func cgroupName(dir string) string { return "/" + filepath.Base(dir) }

// clear removes what outlives the namespaces: the folder, and the control groups
// of containers, which are empty by now.
func clear(dir string) {
	groups, _ := filepath.Glob("/sys/fs/cgroup/*" + cgroupName(dir))
	for _, top := range append(groups, "/sys/fs/cgroup"+cgroupName(dir)) {
		for range 8 { // from the leaves up; a folder of the kernel's files is removed by rmdir alone
			_ = filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					_ = unix.Rmdir(path)
				}
				return nil
			})
		}
	}
	if err := os.RemoveAll(dir); err != nil && !strings.HasPrefix(dir, "/tmp/fnd-") {
		fmt.Fprintln(os.Stderr, err)
	}
}
