package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/kit/queue/deadletter"
	"fnstore/kit/queue/lease"
	"fnstore/kit/wire"
	"fnstore/runtime/delivery/queuetest"
	"fnstore/runtime/queueapi"
)

// withLetters serves the operator's routes of a queue with n dead letters of f.
// asked is called when somebody asks how far a job is.
func withLetters(t *testing.T, n int, asked func()) *pgxpool.Pool {
	t.Helper()
	_, db := queuetest.Open(t)
	q := lease.Open(db)
	for range n {
		queuetest.Enqueue(t, db, queue.New{Body: []byte("what it said")})
	}
	list, err := q.Claim(t.Context(), 1, []lease.Want{{Function: "f", Max: n}})
	if err != nil || len(list) != n {
		t.Fatalf("claimed %d, %v", len(list), err)
	}
	var ends []lease.Outcome
	for _, m := range list {
		ends = append(ends, lease.Outcome{Key: m.Key(), Function: "f", Verdict: lease.Dead, Failure: lease.Failure{Status: 500, Code: "status_500", Reason: "no\nluck"}})
	}
	if _, err := q.Finish(t.Context(), ends); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, r := range queueapi.Routes("/system", queueapi.Config{DB: db}, queueapi.NewNumbers(db)) {
		mux.HandleFunc(r.Method+" "+r.Path, func(w http.ResponseWriter, req *http.Request) {
			if strings.HasPrefix(req.URL.Path, "/system/dead-letters/jobs/") {
				asked()
			}
			wire.Serve(w, req, r.Serve)
		})
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OPENFAAS_URL", srv.URL)
	t.Setenv("OPENFAAS_PASSWORD_FILE", password)
	return db
}

// steps does what a worker does, until the test ends.
func steps(t *testing.T, db *pgxpool.Pool) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_, _, _ = deadletter.Step(ctx, db) // ctx ends it
			time.Sleep(10 * time.Millisecond)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func runCommand(t *testing.T, ctx context.Context, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(ctx, args, strings.NewReader(""), &out)
	return out.String(), err
}

// Seed: R42
func TestDlq_ListShowDryRun(t *testing.T) {
	withLetters(t, 3, func() {})
	out, err := runCommand(t, t.Context(), "dlq", "list", "f", "--newer", "1h", "-n", "2")
	if err != nil || !strings.Contains(out, "status_500") || !strings.Contains(out, "no luck") || !strings.Contains(out, "--after") {
		t.Errorf("%s %v", out, err)
	}
	id := regexp.MustCompile(`(?m)^\d+`).FindString(out)
	if out, err = runCommand(t, t.Context(), "dlq", "show", id); err != nil || !strings.Contains(out, "what it said") || !strings.Contains(out, "ATTEMPT") {
		t.Errorf("%s %v", out, err)
	}
	if out, err = runCommand(t, t.Context(), "dlq", "show", "--raw", id); err != nil || out != "what it said" {
		t.Errorf("%q %v", out, err)
	}
	if out, err = runCommand(t, t.Context(), "dlq", "purge", "--function", "f", "--code", "status_500", "--dry-run"); err != nil || out != "3 dead letters\n" {
		t.Errorf("%q %v", out, err)
	}
	if _, err = runCommand(t, t.Context(), "dlq", "purge"); err == nil || !strings.Contains(err.Error(), "no_filter") {
		t.Errorf("purge of nothing in particular: %v", err)
	}
}

// Seed: R42
func TestDlq_RetryFollowsItsJob(t *testing.T) {
	db := withLetters(t, 20, func() {})
	steps(t, db)
	out, err := runCommand(t, t.Context(), "dlq", "retry", "--all", "--rate", "1000")
	if err != nil || !strings.Contains(out, "done, 20 of 20") {
		t.Errorf("%s %v", out, err)
	}
	if n := queuetest.Count(t, db, "message"); n != 20 {
		t.Errorf("%d messages", n)
	}
}

// Ctrl-C ends the command and not the job; it says how to go on.
func TestDlq_InterruptLeavesTheJob(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	db := withLetters(t, 20, cancel)
	out, err := runCommand(t, ctx, "dlq", "purge", "--all", "--rate", "5")
	if ctx.Err() == nil {
		t.Fatalf("it ended by itself: %s %v", out, err)
	}
	jobs, listErr := deadletter.Jobs(t.Context(), db)
	if listErr != nil || len(jobs) != 1 || jobs[0].State != "running" {
		t.Fatalf("%+v %v", jobs, listErr)
	}
	if follow := fmt.Sprintf("fnstore dlq follow %d", jobs[0].ID); !errors.Is(err, errQuiet) || !strings.Contains(out, follow) {
		t.Errorf("%s %v", out, err)
	}
	if out, err = runCommand(t, t.Context(), "dlq", "jobs"); err != nil || !strings.Contains(out, "running") {
		t.Errorf("%s %v", out, err)
	}
	steps(t, db)
	if out, err = runCommand(t, t.Context(), "dlq", "cancel", fmt.Sprint(jobs[0].ID)); err != nil || !strings.Contains(out, "is cancelled") {
		t.Errorf("%s %v", out, err)
	}
	if out, err = runCommand(t, t.Context(), "dlq", "follow", fmt.Sprint(jobs[0].ID)); err == nil || !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("%s %v", out, err)
	}
}
