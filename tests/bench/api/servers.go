package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bare is the least that reads a user: net/http and pgx, for everybody, with the
// pool that kit/pg has.
func bare(login string) error {
	cfg, err := pgxpool.ParseConfig(login)
	if err != nil {
		return err
	}
	cfg.MaxConns, cfg.MinIdleConns = 5, 2
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		var u struct {
			ID        string    `json:"id"`
			Name      string    `json:"name"`
			Email     string    `json:"email"`
			CreatedAt time.Time `json:"created_at"`
			UpdatedAt time.Time `json:"updated_at"`
		}
		err := pool.QueryRow(r.Context(), `select id::text, name, email, created_at, updated_at from users where id = $1`, r.PathValue("id")).
			Scan(&u.ID, &u.Name, &u.Email, &u.CreatedAt, &u.UpdatedAt)
		if err != nil {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(u)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("port", l.Addr().(*net.TCPAddr).Port)
	return http.Serve(l, mux)
}

func (b *bench) secret(name string) string {
	v, _ := os.ReadFile(filepath.Join(b.store.State, "secrets", name)) // without it the server says so
	return strings.TrimSpace(string(v))
}

// function runs the binary of one of the store's functions at a port of its own.
func (b *bench) function(name string, env ...string) (url string, pid int, err error) {
	binary, err := running(name)
	if err != nil {
		return "", 0, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", 0, err
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	_ = l.Close()
	home, err := os.MkdirTemp(b.dir, name)
	if err != nil {
		return "", 0, err
	}
	cmd := exec.Command(binary)
	cmd.Env = append([]string{"port=" + port, "metrics_port=0", "TMPDIR=" + home, "secret_mount_path=" + filepath.Join(b.store.State, "secrets"), "GOMEMLIMIT=57MiB"}, env...)
	if pid, _, err = b.begin(cmd); err != nil {
		return "", 0, err
	}
	url = "http://127.0.0.1:" + port
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get(url + "/_/ready"); err == nil {
			_ = res.Body.Close()
			return url, pid, nil
		}
	}
	return "", 0, fmt.Errorf("%s does not answer", name)
}

// running finds the binary that a replica of the store runs: its first argument
// is the function's name.
func running(function string) (string, error) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range all {
		if b, err := os.ReadFile(p); err == nil && string(b) == function+"\x00" {
			return os.Readlink(filepath.Join(filepath.Dir(p), "exe"))
		}
	}
	return "", fmt.Errorf("no replica of %s runs", function)
}

// start runs a server that prints "port N".
func (b *bench) start(env []string, dir, program string, args ...string) (url string, pid int, err error) {
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir = env, dir
	pid, lines, err := b.begin(cmd)
	if err != nil {
		return "", 0, err
	}
	select {
	case line := <-lines:
		if port, ok := strings.CutPrefix(line, "port "); ok {
			return "http://127.0.0.1:" + port, pid, nil
		}
		return "", 0, fmt.Errorf("%s says %q", program, line)
	case <-time.After(30 * time.Second):
		return "", 0, fmt.Errorf("%s does not start", program)
	}
}

// begin starts a program that ends with this one. Its first line comes from the
// channel; the rest is read and dropped, as a platform reads a log.
func (b *bench) begin(cmd *exec.Cmd) (pid int, first <-chan string, err error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, nil, err
	}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	b.stops = append(b.stops, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := make(chan string, 1)
	go func() {
		r := bufio.NewReader(out)
		line, _ := r.ReadString('\n')
		lines <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, r)
	}()
	return cmd.Process.Pid, lines, nil
}

// express installs the peer.
func (b *bench) express() (dir string, err error) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", err
		}
	}
	dir = filepath.Join(b.store.Root, "tests/bench/out/express")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, f := range []string{"package.json", "server.js"} {
		text, err := os.ReadFile(filepath.Join(b.store.Root, "tests/bench/peers/express", f))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, f), text, 0o644); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if said, err := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--prefix", dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install: %w: %.200s", err, said)
	}
	return dir, nil
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: 30 * time.Second}

const connections = 32

// load calls for a while and gives the calls a second.
func load(url, token string, length time.Duration) (float64, error) {
	var n atomic.Int64
	var failed atomic.Pointer[error]
	end := time.Now().Add(length)
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for time.Now().Before(end) && failed.Load() == nil {
				if err := get(url, token); err != nil {
					failed.Store(&err)
					return
				}
				n.Add(1)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(n.Load()) / length.Seconds(), nil
}

func get(url, token string) error {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %.200s %w", res.StatusCode, b, err)
	}
	return nil
}

// idle is the resident memory of users when its connections have been closed, in MiB.
func (b *bench) idle() (float64, error) {
	client.CloseIdleConnections()
	time.Sleep(35 * time.Second) // connections of the database go after 30 s
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.usersPID))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")), 64)
			return n / 1024, err
		}
	}
	return 0, errors.New("no VmRSS")
}

// weigh is what the layers of a function's image take in the store's registry.
func (b *bench) weigh(function string) (int64, error) {
	ref, err := name.ParseReference(b.store.Env["FNSTORE_REGISTRY"]+"/fnstore/"+function+":dev", name.Insecure)
	if err != nil {
		return 0, err
	}
	img, err := remote.Image(ref)
	if err != nil {
		return 0, err
	}
	layers, err := img.Layers()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, l := range layers {
		n, err := l.Size()
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
