// Package gateway measures what the gateway costs: the same function server
// called directly and through the gateway, both as processes of their own, with
// everything on that is on by default. Rounds are interleaved and ratios are
// taken within a round, so that a busy machine weighs on both alike. It does
// not know what the gateway does.
package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/gateway"
	"fnstore/runtime/logs"
	"fnstore/runtime/plain"
	"fnstore/runtime/process"
	"fnstore/runtime/provider"
	"fnstore/runtime/secrets"
)

// asGateway makes this program a gateway: it names the function's binary.
const asGateway = "FNSTORE_BENCH_GATEWAY"

func TestMain(m *testing.M) {
	if binary := os.Getenv(asGateway); binary != "" {
		if err := serve(binary); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
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
	front := &plain.Server{Handler: g, Prefix: gateway.Functions, Other: srv}
	go func() { _ = front.Serve(gateway.Limit(l, gateway.MaxConns, gateway.MaxConnsPerIP)) }()
	fmt.Println(l.Addr())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return front.Close()
}

// build makes the echo function's program from the template.
func build(b *testing.B) string {
	dir := b.TempDir()
	root, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		b.Fatal(err)
	}
	binary, context := filepath.Join(dir, "echo"), filepath.Join(dir, "context")
	copied := exec.Command("sh", "-c", `cp -R template/golang-middleware "$0" && cp -R tests/bench/server/testdata/echo/. "$0/function"`, context)
	copied.Dir = filepath.Dir(strings.TrimSpace(string(root)))
	script := exec.Command("sh", "build.sh", binary)
	for _, c := range []*exec.Cmd{copied, script} {
		if c == script {
			c.Dir = context
		}
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%v: %v\n%s", c.Args, err, out)
		}
	}
	return binary
}

// begin starts a program that ends with the benchmark.
func begin(b *testing.B, env []string, args ...string) *bufio.Reader {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return bufio.NewReader(out)
}

// BenchmarkGateway prints the comparison once; ns/op is its own length and says
// nothing.
func BenchmarkGateway(b *testing.B) {
	binary := build(b)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	direct := free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(direct)
	lines := begin(b, []string{"port=" + port, "metrics_port=0"}, binary)
	go func() { _, _ = lines.WriteTo(discard{}) }() // its log, read as the backend reads it
	through, err := begin(b, append(os.Environ(), asGateway+"="+binary), os.Args[0]).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	through = strings.TrimSpace(through)
	for _, try := range []struct{ address, path string }{{direct, "/"}, {through, "/function/echo"}} {
		if err := until(try.address, try.path); err != nil {
			b.Fatal(err)
		}
	}
	for _, n := range []int{1, 32} {
		var rates, p50s, plain, with []float64
		for range 5 {
			d, err := load(direct, "/", n, time.Second)
			if err != nil {
				b.Fatal("direct: ", err)
			}
			g, err := load(through, "/function/echo", n, time.Second)
			if err != nil {
				b.Fatal("through the gateway: ", err)
			}
			rates = append(rates, float64(len(g))/float64(len(d)))
			p50s = append(p50s, middle(g).Seconds()/middle(d).Seconds())
			plain, with = append(plain, float64(len(d))), append(with, float64(len(g)))
		}
		fmt.Printf("gateway, 1 KiB, %2d connections: %6.0f requests/s direct, %6.0f through, ratio %.2f; p50 × %.2f\n",
			n, median(plain), median(with), median(rates), median(p50s))
		b.ReportMetric(median(rates), fmt.Sprintf("ratio-at-%d", n))
		b.ReportMetric(median(p50s), fmt.Sprintf("p50-times-at-%d", n))
	}
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

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
