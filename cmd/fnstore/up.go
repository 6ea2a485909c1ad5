package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type upCmd struct {
	Detach bool `short:"d" help:"Return when the store is up; it goes on in the background."`
}

// readyFD is the descriptor on which a detached store says that it is up.
const readyFD = "FNSTORE_READY_FD"

// Run runs the store until ctx ends.
func (cmd upCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	readyFile := readyPipe()
	moved, err := s.openState()
	if err != nil {
		return err
	}
	if moved {
		fmt.Fprintf(out, "Functions run under users of their own, who cannot enter this folder:\nthe state is kept in %s.\n", s.State)
	}
	if cmd.Detach {
		return detach(ctx, s, out)
	}
	unlock, err := lockState(s)
	if err != nil {
		return err
	}
	defer unlock()
	closeLog, err := openLog(s.path("fnstore.log"))
	if err != nil {
		return err
	}
	defer closeLog()

	st := &store{set: s, bars: newProgress(out)}
	began := time.Now()
	err = st.start(ctx)
	if err != nil {
		slog.Error("the store did not start", "cause", err)
		st.stop(context.WithoutCancel(ctx))
		if ctx.Err() != nil {
			return errQuiet // the user stopped it
		}
		return err
	}
	st.bars.wait()
	slog.Info("the store is up", "seconds", time.Since(began).Seconds())
	st.summary(out, time.Since(began))
	if readyFile != nil {
		_, _ = readyFile.WriteString("ready\n") // whoever detached us may be gone
		_ = readyFile.Close()
	}

	<-ctx.Done()
	fmt.Fprintln(out, "\nStopping …")
	st.stop(context.WithoutCancel(ctx))
	slog.Info("the store is down")
	fmt.Fprintln(out, "Stopped. What was kept is in", s.State)
	return nil
}

// errRunning is returned when the state belongs to a store that runs.
var errRunning = errors.New("a store runs on this state already")

// lockState takes the state for this process, and writes its number down for
// down to find. The kernel gives the lock back when the process ends, however
// that is.
func lockState(s *settings) (func(), error) {
	f, err := os.OpenFile(s.path("fnstore.pid"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w: %s (fnstore down stops it)", errRunning, s.State)
	}
	if err := f.Truncate(0); err != nil {
		_ = f.Close()
		return nil, err
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Truncate(0); _ = f.Close() }, nil
}

// maxLog is when the store's own log is turned over at a start, in bytes.
const maxLog = 8 << 20

func openLog(path string) (func(), error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		_ = os.Rename(path, path+".1")
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(f, nil)))
	return func() { _ = f.Close() }, nil
}

// detach starts the store as a process of its own and shows what it prints
// until it is up or has failed.
func detach(ctx context.Context, s *settings, out io.Writer) error {
	unlock, err := lockState(s)
	if errors.Is(err, errRunning) {
		fmt.Fprintln(out, err)
		return nil
	}
	if err != nil {
		return err
	}
	unlock()

	printed, err := os.OpenFile(s.path("up.log"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer printed.Close()
	ready, readyFile, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, append([]string{"up"}, s.flags()...)...)
	child.Env = append(os.Environ(), readyFD+"=3", "FNSTORE_STATE="+s.State,
		"FNSTORE_CALLBACK_HOSTS="+s.CallbackHosts, "FNSTORE_DEADLETTER_NOTIFY="+s.DeadNotify)
	child.Stdout, child.Stderr = printed, printed
	child.ExtraFiles = []*os.File{readyFile}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return err
	}
	_ = readyFile.Close()

	said := make(chan bool, 1)
	go func() {
		line, _ := bufio.NewReader(ready).ReadString('\n') // or the child is gone
		said <- line == "ready\n"
	}()
	shown := int64(0)
	show := func() {
		n, _ := io.Copy(out, io.NewSectionReader(printed, shown, 1<<20))
		shown += n
	}
	for tick := time.NewTicker(200 * time.Millisecond); ; {
		select {
		case ok := <-said:
			show()
			if !ok {
				return errQuiet // its own words say why
			}
			return child.Process.Release()
		case <-tick.C:
			show()
		case <-ctx.Done():
			_ = child.Process.Signal(syscall.SIGTERM)
			ctx = context.WithoutCancel(ctx)
		}
	}
}

// flags are the settings as arguments for a process that has another folder or
// environment.
func (s *settings) flags() []string {
	args := []string{"--stack", s.Stack, "--backend", s.Backend, "--listen", s.Listen}
	for name, value := range map[string]string{"tls-cert": s.TLSCert, "tls-key": s.TLSKey, "trusted-proxies": s.Proxies} {
		if value != "" {
			args = append(args, "--"+name+"="+value)
		}
	}
	for name, port := range map[string]int{"gateway": s.GatewayPort, "metrics": s.MetricsPort, "registry": s.RegistryPort, "s3": s.S3Port} {
		args = append(args, "--"+name+"-port="+strconv.Itoa(port))
	}
	return args // the URLs may hold passwords, and --state would outrank FNSTORE_REGISTRY: they stay in the environment
}

// readyPipe is where the process that detached this one listens; nil without
// one. Nobody that this process starts may hold it open.
func readyPipe() *os.File {
	fd, err := strconv.Atoi(os.Getenv(readyFD))
	if err != nil {
		return nil
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "ready")
}

func (st *store) summary(out io.Writer, took time.Duration) {
	state := st.set.State
	fmt.Fprintf(out, `
fnstore is up, after %.1f s.

  browser     %s/ui/    user %s, password in %s
  gateway     %s/function/NAME
  S3          http://%s%s
  metrics     http://%s/metrics
  settings    %s   (. it, for faas-cli, psql, redis-cli and S3 clients)

`, took.Seconds(), st.gatewayURL, adminUser, st.creds.path(gatewayPassword), st.gatewayURL, st.s3Addr, buckets(st.file), st.metricsAddr, state+"/env")
	printExamples(out, st.file)
	if st.set.Backend == "docker" {
		fmt.Fprintln(out, "Functions run as containers. Those with a secret for a service of the store reach it\nat the address of their own bridge, where it listens for them alone.")
	}
	if os.Getenv(readyFD) == "" {
		fmt.Fprintln(out, "Ctrl-C stops it.")
	} else {
		fmt.Fprintln(out, "make down stops it.")
	}
}
