// Command gateway measures what the gateway costs: the same function server
// called directly and through the gateway, both as processes of their own, with
// everything on that is on by default. Rounds are interleaved and ratios are
// taken within a round, so that a busy machine weighs on both alike. It does
// not know what the gateway does.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/gateway"
	"fnstore/runtime/logs"
	"fnstore/runtime/process"
	"fnstore/runtime/provider"
	"fnstore/runtime/secrets"
	"fnstore/tests/bench/report"
)

// asGateway makes this program a gateway: it names the function's binary.
const asGateway = "FNSTORE_BENCH_GATEWAY"

func main() {
	rounds := flag.Int("rounds", 9, "interleaved rounds")
	length := flag.Duration("for", time.Second, "of one measurement")
	flag.Parse()
	err := error(nil)
	if binary := os.Getenv(asGateway); binary != "" {
		err = serve(binary)
	} else {
		err = compare(os.Stdout, *rounds, *length)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve is the store's gateway and process backend with one function, echo. It
// writes its address to standard output and ends with its input.
func serve(binary string) error {
	dir, err := os.MkdirTemp("", "fnstore-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	vault, err := secrets.Open(filepath.Join(dir, "secrets"))
	if err != nil {
		return err
	}
	written, err := logs.Open(filepath.Join(dir, "logs"))
	if err != nil {
		return err
	}
	processes, err := process.Open(process.Config{
		SockDir: filepath.Join(dir, "s"), Secrets: vault, Logs: written,
		Fetch: func(context.Context, string) (process.Binary, error) {
			return process.Binary{Path: binary, Digest: "sha256:" + strings.Repeat("0", 64)}, nil
		},
	})
	if err != nil {
		return err
	}
	backend, err := provider.Open(context.Background(), provider.Config{
		Dir: filepath.Join(dir, "functions"), RunDir: filepath.Join(dir, "run"), Secrets: vault, Logs: written,
	}, processes)
	if err != nil {
		return err
	}
	defer backend.Close()
	if err := backend.Deploy(context.Background(), types.FunctionDeployment{Service: "echo", Image: "echo"}); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	g := gateway.New(gateway.Config{Provider: backend, Secrets: vault, Logs: written, User: "admin", Password: "bench", Version: "bench"})
	srv := &http.Server{Handler: g, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 60 * time.Second, MaxHeaderBytes: 64 << 10}
	go func() {
		_ = srv.Serve(gateway.CutStalled(gateway.Limit(l, gateway.MaxConns, gateway.MaxConnsPerIP), gateway.DefaultStall))
	}()
	fmt.Println(l.Addr())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return srv.Close()
}

// build makes the echo function's program from the template.
func build(dir string) (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	root := filepath.Dir(strings.TrimSpace(string(mod)))
	binary, context := filepath.Join(dir, "echo"), filepath.Join(dir, "context")
	copied := exec.Command("sh", "-c", `cp -R template/golang-middleware "$0" && cp -R tests/bench/server/testdata/echo/. "$0/function"`, context)
	copied.Dir = root
	if said, err := copied.CombinedOutput(); err != nil {
		return "", fmt.Errorf("copy the template: %w\n%s", err, said)
	}
	c := exec.Command("sh", "build.sh", binary)
	c.Dir = context
	if said, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the function: %w\n%s", err, said)
	}
	return binary, nil
}

// begin starts a program that ends when end is called, or with this one.
func begin(env []string, args ...string) (out *bufio.Reader, end func(), err error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	return bufio.NewReader(said), func() {
		_ = in.Close()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}, nil
}

// compare starts both and prints what it measured.
func compare(out io.Writer, rounds int, length time.Duration) error {
	runtime.LockOSThread() // whose end would be theirs
	dir, err := os.MkdirTemp("", "fnstore-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := build(dir)
	if err != nil {
		return err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	direct := free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(direct)
	lines, end, err := begin([]string{"port=" + port, "metrics_port=0"}, binary)
	if err != nil {
		return err
	}
	defer end()
	go func() { _, _ = io.Copy(io.Discard, lines) }() // its log, read as the backend reads it
	said, stop, err := begin(append(os.Environ(), asGateway+"="+binary), "/proc/self/exe")
	if err != nil {
		return err
	}
	defer stop()
	through, err := said.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the gateway did not start: %w", err)
	}
	through = strings.TrimSpace(through)
	for _, try := range []struct{ address, path string }{{direct, "/"}, {through, "/function/echo"}} {
		if err := until(try.address, try.path); err != nil {
			return err
		}
	}
	var rows []report.Row
	for _, n := range []int{1, 32} {
		var rates, p50s, plain, with []float64
		for range rounds {
			d, err := load(direct, "/", n, length)
			if err != nil {
				return fmt.Errorf("direct: %w", err)
			}
			g, err := load(through, "/function/echo", n, length)
			if err != nil {
				return fmt.Errorf("through the gateway: %w", err)
			}
			rates = append(rates, float64(len(g))/float64(len(d)))
			p50s = append(p50s, middle(g).Seconds()/middle(d).Seconds())
			plain, with = append(plain, float64(len(d))/length.Seconds()), append(with, float64(len(g))/length.Seconds())
		}
		note := fmt.Sprintf("%.0f/s direct, %.0f/s through", median(plain), median(with))
		rate := report.Row{Section: "gateway", What: fmt.Sprintf("requests/s of a direct call, 1 KiB, %d connections", n), Got: median(rates), Unit: "×", Least: true, Note: note}
		if rate.Bar = 0.25; n > 1 {
			rate.Bar, rate.Aim = 0.215, 0.25
		}
		// It follows from the rate.
		p50 := report.Row{Section: "gateway", What: fmt.Sprintf("p50 of a direct call, 1 KiB, %d connections", n), Got: median(p50s), Unit: "×", Least: true}
		rows = append(rows, rate, p50)
	}
	report.Print(out, rows...)
	return nil
}

// until returns when the address answers 200.
func until(address, path string) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := load(address, path, 1, time.Millisecond); err == nil {
			return nil
		}
	}
	return errors.New(address + " does not answer")
}

func middle(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}
