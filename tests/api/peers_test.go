package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	users "fnstore/functions/users"
	"fnstore/kit/token"
)

// The benchmark's servers are processes of their own: this program again, told
// by these variables what to be.
const (
	beServer = "API_BENCH_SERVER"
	beFolder = "API_BENCH_FOLDER" // of secrets
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(beServer); kind != "" {
		beAServer(kind)
		return
	}
	os.Exit(m.Run())
}

func beAServer(kind string) {
	read := func(name string) (string, error) {
		b, err := os.ReadFile(filepath.Join(os.Getenv(beFolder), name))
		return string(b), err
	}
	var h http.Handler
	if kind == "users" {
		u, err := users.Open(os.Getenv, read)
		if err != nil {
			panic(err)
		}
		h = u
	} else {
		h = bare(read)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("port", l.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(l, h))
}

// bare is the least that reads a user: net/http and pgx, for everybody.
func bare(read func(string) (string, error)) http.Handler {
	url, err := read("users-pg")
	if err != nil {
		panic(err)
	}
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		panic(err)
	}
	cfg.MaxConns = 5
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		panic(err)
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
		if err := pool.QueryRow(r.Context(), `select id::text, name, email, created_at, updated_at from users where id = $1`, r.PathValue("id")).Scan(&u.ID, &u.Name, &u.Email, &u.CreatedAt, &u.UpdatedAt); err != nil {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(u)
	})
	return mux
}

// start runs a server and gives its URL.
func start(b *testing.B, cmd *exec.Cmd) string {
	b.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := bufio.NewScanner(out)
	for s.Scan() {
		if port, ok := strings.CutPrefix(s.Text(), "port "); ok {
			return "http://127.0.0.1:" + port
		}
	}
	b.Fatal("the server said no port")
	return ""
}

// load calls for a while by 32 connections and gives the calls a second.
func load(b *testing.B, target string, header []string, length time.Duration) float64 {
	b.Helper()
	var n atomic.Int64
	end := time.Now().Add(length)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for time.Now().Before(end) {
				a, err := try("GET", target, "", header...)
				if err != nil || a.status != 200 {
					b.Error(a.status, err, string(a.body))
					return
				}
				n.Add(1)
			}
		})
	}
	all.Wait()
	return float64(n.Load()) / length.Seconds()
}

// BenchmarkUsers_BesidePeers compares GET /v1/users/{id} with token and limiter
// to a bare handler without either, and to express where
//
//	cp -r tests/bench/peers/express tests/bench/out/ && npm install --prefix tests/bench/out/express
//
// has been run. Rounds are interleaved; the figures
// are medians of calls a second, and of ratios within a round.
func BenchmarkUsers_BesidePeers(b *testing.B) {
	s := newStage(b)
	call(b, "POST", s.users+"/v1/users", profile("Anna", "a@example.org"), s.anna...).want(b, "create", 201, "")
	if _, err := s.rig.admin.Exec(b.Context(), "alter role fn_users connection limit 50"); err != nil { // four servers at once
		b.Fatal(err)
	}
	dir := b.TempDir()
	for _, name := range []string{"users-pg", "users-redis", "token-jwks"} {
		v, _ := s.read(name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(v), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	self := func(kind string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), beServer+"="+kind, beFolder+"="+dir, "limit_default=1000000/1m burst=900000")
		return cmd
	}
	const shared = "0123456789abcdef0123456789abcdef"
	k, err := token.FromSecret(shared)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := token.Sign(k, token.Claims{Issuer: "fnstore-auth", Audience: []string{"fnstore"}, Subject: s.annaID}, time.Now(), time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	type candidate struct {
		name, url string
		header    []string
	}
	path := "/v1/users/" + s.annaID
	all := []candidate{{"bare", start(b, self("bare")) + path, nil}, {"users", start(b, self("users")) + path, s.anna}}
	if _, err := os.Stat("../bench/out/express/node_modules"); err == nil {
		cmd := exec.Command("node", "server.js")
		cmd.Dir = "../bench/out/express"
		pg, _ := s.read("users-pg")
		redis, _ := s.read("users-redis")
		cmd.Env = append(os.Environ(), "NODE_ENV=production", "DATABASE_URL="+pg, "REDIS_URL="+redis, "TOKEN_SECRET="+shared)
		all = append(all, candidate{"express", start(b, cmd) + path, []string{"Authorization", "Bearer " + raw}})
	}
	const rounds = 5
	speeds, ratios := map[string][]float64{}, map[string][]float64{}
	for range rounds {
		var base float64
		for _, c := range all {
			v := load(b, c.url, c.header, 2*time.Second)
			if c.name == "bare" {
				base = v
			}
			speeds[c.name] = append(speeds[c.name], v)
			ratios[c.name] = append(ratios[c.name], v/base)
		}
	}
	for b.Loop() { // the work is done above, once
	}
	for _, c := range all {
		slices.Sort(speeds[c.name])
		slices.Sort(ratios[c.name])
		b.ReportMetric(speeds[c.name][rounds/2], c.name+"/s")
		b.ReportMetric(ratios[c.name][rounds/2], c.name+"/bare")
	}
}
