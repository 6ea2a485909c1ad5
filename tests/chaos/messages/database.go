package messages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/runtime/migrate"
	"fnstore/runtime/services"
)

// database is the queue's Postgres, which can be stopped, crashed and filled up.
type database struct {
	dir    string
	server *services.Postgres
	pool   *pgxpool.Pool // of the test, beside the proxy
	small  bool          // its disk is one of its own, and can be filled
}

// end stops what runs in a folder and removes it, when the test process is gone
// for whatever reason.
const end = `
read -r _
pkill -QUIT -f "^[^ ]*postgres -D $1/" && sleep 1
umount -l "$1" 2>/dev/null
rm -rf "$1"
`

// diskSize bounds what a run may write, in bytes.
const diskSize = 3 << 30

func openDatabase(t *testing.T) *database {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "fnq-")
	if err != nil {
		t.Fatal(err)
	}
	d := &database{dir: dir}
	if os.Geteuid() == 0 {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
			t.Fatalf("mount a disk: %v", err)
		}
		d.small = true
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	guard := exec.Command("/bin/sh", "-c", end, "guard", dir)
	guard.Dir = "/"
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	leash, err := guard.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := guard.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = leash.(io.Closer).Close()
		_ = guard.Wait() // says how umount and rm fared, which matters to nobody
	})
	if err := d.start(t.Context()); err != nil {
		if errors.Is(err, services.ErrMissing) && os.Getenv("CI") != "true" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	sources, err := fs.Sub(queue.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Apply(t.Context(), d.server.URL(), []migrate.Source{{Name: "kit_queue", FS: sources}}); err != nil {
		t.Fatal(err)
	}
	if d.pool, err = pgxpool.New(t.Context(), d.server.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.pool.Close)
	return d
}

// start returns when the server answers; one that runs already is left alone.
func (d *database) start(ctx context.Context) error {
	server, err := services.StartPostgres(ctx, services.Config{Dir: filepath.Join(d.dir, "pg")})
	if err == nil {
		d.server = server
	}
	return err
}

func (d *database) address() string {
	u, err := url.Parse(d.server.URL())
	if err != nil {
		panic(err) // it was made by a package of ours
	}
	return u.Host
}

// through is the server's URL by way of the proxy.
func (d *database) through(p *proxy) string {
	u, err := url.Parse(d.server.URL())
	if err != nil {
		panic(err)
	}
	u.Host = p.Addr().String()
	return u.String()
}

// restart stops the server as an operator does, and starts it again.
func (d *database) restart(ctx context.Context) error {
	if err := d.server.Stop(ctx); err != nil {
		return err
	}
	return d.start(ctx)
}

// crash ends the server without a checkpoint; the start after it recovers.
func (d *database) crash(ctx context.Context) error {
	pid := d.server.PID()
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		return err
	}
	for syscall.Kill(pid, 0) == nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("postgres does not end: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return d.start(ctx)
}

// fill leaves nothing of the disk for a while.
func (d *database) fill(ctx context.Context, pause time.Duration) error {
	path := filepath.Join(d.dir, "fill")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	size := int64(0)
	for _, step := range []int64{64 << 20, 1 << 20, 4 << 10} {
		for err = nil; err == nil; {
			if err = syscall.Fallocate(int(f.Fd()), 0, size, step); err == nil {
				size += step
			}
		}
	}
	_ = f.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(err, os.Remove(path))
	}
	time.Sleep(pause)
	return errors.Join(os.Remove(path), d.start(ctx))
}
