// Command api measures users and auth at their own ports: how many calls of GET
// /v1/users/{id}, with its token and limit, a process answers beside a bare
// handler and beside express, whether an unknown user takes as long as a wrong
// password, and what the function weighs. It runs the binaries that a store has
// built, with that store's Postgres and Redis. Rounds are interleaved and ratios
// are taken within a round, so that a busy machine weighs on all alike.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/token"
	"fnstore/tests/bench/report"
	"fnstore/tests/storetest"
)

const section = "api"

// asBare makes this program the bare handler: it names the login of the database.
const asBare = "FNSTORE_BENCH_BARE"

func main() {
	rounds := flag.Int("rounds", 7, "interleaved rounds")
	length := flag.Duration("for", 2*time.Second, "of one measurement")
	logins := flag.Int("logins", 40, "failed logins of each kind")
	flag.Parse()
	var err error
	if login := os.Getenv(asBare); login != "" {
		err = bare(login)
	} else {
		err = measure(os.Stdout, *rounds, *length, *logins)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(out io.Writer, rounds int, length time.Duration, logins int) (err error) {
	runtime.LockOSThread() // whose end would be the servers'
	s, err := storetest.Open()
	if err != nil {
		return err
	}
	defer func() {
		if closing := s.Close(); err == nil {
			err = closing
		}
	}()
	b := &bench{store: s}
	defer b.end()
	if b.dir, err = os.MkdirTemp("", "fnstore-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.prepare(); err != nil {
		return err
	}
	all, err := b.candidates()
	if err != nil {
		return err
	}
	rows, err := compare(all, rounds, length)
	if err != nil {
		return err
	}
	idle, err := b.idle()
	if err != nil {
		return err
	}
	weight, err := b.weigh("users")
	if err != nil {
		return err
	}
	timing, err := b.failedLogins(logins)
	if err != nil {
		return err
	}
	report.Print(out, append(rows, timing,
		report.Row{Section: section, What: "image of users, stored", Got: float64(weight) / 1e6, Unit: "MB", Bar: 20},
		report.Row{Section: section, What: "users, resident after the load", Got: idle, Unit: "MiB", Bar: 25},
	)...)
	return nil
}

// bench is the store with the servers that are measured.
type bench struct {
	store *storetest.Store
	dir   string
	stops []func()

	auth, users string // URLs
	usersPID    int
	token       string // of the administrator
	path        string // of the user that is read
	id          string
}

func (b *bench) end() {
	for _, stop := range b.stops {
		stop()
	}
}

// prepare runs auth and users beside the store's own, with no limit in reach, and
// makes the user.
func (b *bench) prepare() error {
	conn, err := pgx.Connect(context.Background(), b.store.Postgres)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	// Some servers at once have the login of one function.
	if _, err := conn.Exec(context.Background(), "alter role fn_users connection limit 40"); err != nil {
		return err
	}
	if b.auth, _, err = b.function("auth", "limit_login=1000000/1m burst=900000", "limit_login_account=1000000/1m burst=900000"); err != nil {
		return err
	}
	if b.users, b.usersPID, err = b.function("users", "limit_default=1000000/1m burst=900000"); err != nil {
		return err
	}
	password, err := os.ReadFile(filepath.Join(b.store.State, "secrets/auth-admin"))
	if err != nil {
		return err
	}
	var login struct {
		Token string `json:"access_token"`
	}
	if err := send(b.auth+"/token", "", fmt.Sprintf(`{"email":"admin@localhost","password":%q}`, password), &login); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	var user struct {
		ID string `json:"id"`
	}
	if err := send(b.users+"/v1/users", login.Token, `{"name":"Anna","email":"anna@example.org"}`, &user); err != nil {
		return fmt.Errorf("make a user: %w", err)
	}
	b.token, b.id, b.path = login.Token, user.ID, "/v1/users/"+user.ID
	return nil
}

// candidate is a server that gives the user.
type candidate struct{ name, url, token string }

// candidates are the bare handler, users, and express when npm can install it.
func (b *bench) candidates() ([]candidate, error) {
	login := b.secret("users-pg")
	bareURL, _, err := b.start(append(os.Environ(), asBare+"="+login), "", "/proc/self/exe")
	if err != nil {
		return nil, err
	}
	all := []candidate{{"bare", bareURL + b.path, ""}, {"users", b.users + b.path, b.token}}
	dir, err := b.express()
	if err != nil {
		fmt.Fprintln(os.Stderr, "express is left out:", err)
		return all, nil
	}
	const shared = "0123456789abcdef0123456789abcdef"
	k, err := token.FromSecret(shared)
	if err != nil {
		return nil, err
	}
	raw, err := token.Sign(k, token.Claims{Issuer: "fnstore-auth", Audience: []string{"fnstore"}, Subject: b.id}, time.Now(), time.Hour)
	if err != nil {
		return nil, err
	}
	url, _, err := b.start(append(os.Environ(), "NODE_ENV=production", "DATABASE_URL="+login, "REDIS_URL="+b.secret("users-redis"), "TOKEN_SECRET="+shared), dir, "node", "server.js")
	if err != nil {
		return nil, err
	}
	return append(all, candidate{"express", url + b.path, raw}), nil
}

// compare gives the rows about speed.
func compare(all []candidate, rounds int, length time.Duration) ([]report.Row, error) {
	rates := map[string][]float64{}
	for range rounds {
		for _, c := range all {
			n, err := load(c.url, c.token, length)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			rates[c.name] = append(rates[c.name], n)
		}
	}
	ratio := func(other string) float64 {
		var list []float64
		for i, n := range rates["users"] {
			list = append(list, n/rates[other][i])
		}
		return median(list)
	}
	note := fmt.Sprintf("%.0f/s users, %.0f/s bare", median(rates["users"]), median(rates["bare"]))
	rows := []report.Row{{Section: section, What: "GET /v1/users/{id} with token and limit, of a bare net/http + pgx handler, 32 connections", Got: ratio("bare"), Unit: "×", Bar: 0.5, Least: true, Note: note}}
	what := "the same, of express + pg + jsonwebtoken + a limiter"
	if len(rates["express"]) == 0 {
		return append(rows, report.NotMeasured(section, what, "npm or node is missing")), nil
	}
	return append(rows, report.Row{Section: section, What: what, Got: ratio("express"), Unit: "×", Bar: 1, Least: true, Note: fmt.Sprintf("%.0f/s express", median(rates["express"]))}), nil
}

// failedLogins compares an unknown user with a wrong password, by turns.
func (b *bench) failedLogins(n int) (report.Row, error) {
	took := map[string][]float64{}
	for range n {
		for _, email := range []string{"nobody@example.org", "admin@localhost"} {
			began := time.Now()
			res, err := http.Post(b.auth+"/token", "application/json", strings.NewReader(fmt.Sprintf(`{"email":%q,"password":"wrong horse"}`, email)))
			if err != nil {
				return report.Row{}, err
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode != http.StatusUnauthorized {
				return report.Row{}, fmt.Errorf("a failed login: %d", res.StatusCode)
			}
			took[email] = append(took[email], time.Since(began).Seconds()*1e3)
		}
	}
	unknown, wrong := median(took["nobody@example.org"]), median(took["admin@localhost"])
	return report.Row{Section: section, What: "login of an unknown user and with a wrong password, the longer of the shorter, p50",
		Got: max(unknown/wrong, wrong/unknown), Unit: "×", Bar: 1.1, Note: fmt.Sprintf("%.1f ms unknown, %.1f ms wrong", unknown, wrong)}, nil
}

// send posts JSON and reads the answer into v.
func send(url, token, body string, v any) error {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		return fmt.Errorf("%d %s %w", res.StatusCode, b, err)
	}
	return json.Unmarshal(b, v)
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}
