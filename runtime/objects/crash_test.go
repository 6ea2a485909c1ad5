package objects

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// TestMain becomes the process that dies when it is asked to, and runs the
// tests otherwise.
func TestMain(m *testing.M) {
	if point := os.Getenv("OBJECTS_DIE_AT"); point != "" {
		die(point)
	}
	os.Exit(m.Run())
}

// die replaces one object and kills its own process at the point named.
func die(point string) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("OBJECTS_URL"))
	if err != nil {
		panic(err)
	}
	s, err := Open(ctx, Config{Pool: pool, Dir: os.Getenv("OBJECTS_DIR"), OnChange: record, MinFree: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	s.at = func(p string) {
		if p == point {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	_, err = putIf(s, ctx, "box", "k", nil, strings.NewReader("new"), 3, nil)
	panic(err) // the point was never reached
}

// TestPut_KilledAtAnyPoint kills a process in the middle of a PUT, at every step,
// and looks at what is left: the object and its event, or neither.
func TestPut_KilledAtAnyPoint(t *testing.T) {
	for _, point := range []string{"written", "durable", "swapped", "followed", "committed"} {
		t.Run(point, func(t *testing.T) {
			url, pool := database(t)
			c := Config{Pool: pool, Dir: t.TempDir(), OnChange: record, MinFree: 1, OrphanAge: time.Nanosecond, Log: slog.New(slog.DiscardHandler)}
			s, err := Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.MakeBucket(t.Context(), "box"); err != nil {
				t.Fatal(err)
			}
			put(t, s, "k", "old")
			s.Close()

			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), "OBJECTS_DIE_AT="+point, "OBJECTS_URL="+url, "OBJECTS_DIR="+c.Dir)
			out, err := child.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child was not killed: %v\n%s", err, out)
			}
			if s, err = Open(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			value, events := "old", events(t, pool)
			if point == "committed" {
				value = "new"
			}
			if got := get(t, s, "k"); got != value {
				t.Errorf("the object is %q, want %q", got, value)
			}
			if want := map[string]int{"old": 1, "new": 2}[value]; len(events) != want {
				t.Errorf("events %q with the object %q", events, value)
			}
			if _, _, err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := blobs(t, c.Dir); n != 1 {
				t.Errorf("%d blobs for one object after the sweep", n)
			}
			if got := get(t, s, "k"); got != value {
				t.Errorf("after the sweep the object is %q", got)
			}
			put(t, s, "k", "next") // no lock is left behind
			if got := get(t, s, "k"); got != "next" {
				t.Errorf("the store does not go on: %q", got)
			}
		})
	}
}
