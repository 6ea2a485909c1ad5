package services

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster makes the data directory at the first start and returns the binaries
// that may open it. It is built beside its place and moved there when complete, so
// a kill in between leaves nothing half made.
func (r dataDir) cluster(ctx context.Context, password string) (bin string, err error) {
	if err := r.folder("log"); err != nil {
		return "", err
	}
	if b, err := os.ReadFile(r.path("data/PG_VERSION")); err == nil {
		major, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			return "", fmt.Errorf("read %s: %w", r.path("data/PG_VERSION"), err)
		}
		return postgresBin(major)
	}
	if bin, err = postgresBin(0); err != nil {
		return "", err
	}
	const draft = "data.new"
	if err := os.RemoveAll(r.path(draft)); err != nil {
		return "", fmt.Errorf("clear an unfinished cluster: %w", err)
	}
	if err := r.folder(draft); err != nil {
		return "", err
	}
	// initdb opens the file by its name as its own user; it is gone right after.
	const words = ".initdb-password"
	if err := r.write(words, password+"\n", 0o600); err != nil {
		return "", err
	}
	defer os.Remove(r.path(words))
	if r.who.foreign() {
		if err := os.Lchown(r.path(words), int(r.who.uid), int(r.who.gid)); err != nil {
			return "", fmt.Errorf("hand initdb its password: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata="+r.path(draft),
		"--username="+owner, "--pwfile="+r.path(words), "--auth=scram-sha-256", "--data-checksums",
		"--encoding=UTF8", "--locale=C", "--no-instructions")
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = r.who.attributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return "", fmt.Errorf("make a Postgres cluster in %s: %w:\n%s", r.dir, err,
			strings.Join(lines[max(0, len(lines)-tailLines):], "\n"))
	}
	if err := os.Rename(r.path(draft), r.path("data")); err != nil {
		return "", fmt.Errorf("put the new cluster in place: %w", err)
	}
	return bin, nil
}

// requiredSettings are the settings without which "committed" would not mean durable.
// They can be changed behind our back (ALTER SYSTEM), so they are asked for.
var requiredSettings = map[string]string{
	"fsync":               "on",
	"full_page_writes":    "on",
	"synchronous_commit":  "on",
	"data_checksums":      "on",
	"listen_addresses":    "127.0.0.1",
	"password_encryption": "scram-sha-256",
}

// bootstrap verifies the requiredSettings of the server and makes the owner's
// database.
func bootstrap(ctx context.Context, url string) error {
	conn, err := dial(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, "select name, setting from pg_settings")
	if err != nil {
		return fmt.Errorf("read its settings: %w", err)
	}
	var name, setting string
	if _, err := pgx.ForEachRow(rows, []any{&name, &setting}, func() error {
		if want, ok := requiredSettings[name]; ok && setting != want {
			return fmt.Errorf("%s is %q and must be %q", name, setting, want)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("check its settings: %w", err)
	}
	var exists bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", owner).Scan(&exists); err != nil {
		return fmt.Errorf("look for database %s: %w", owner, err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "create database "+owner); err != nil {
		return fmt.Errorf("create database %s: %w", owner, err)
	}
	return nil
}

// removeStalePidFile deals with a pid file whose pid belongs to another process by
// now: Postgres would refuse to start for as long as that one lives. Its number is
// replaced by one that no process can have. The file itself stays, because the
// shared memory key in it is how Postgres notices backends that still write.
func (r dataDir) removeStalePidFile(mark string) error {
	pid := r.postmaster()
	if pid <= 1 || syscall.Kill(pid, 0) != nil || hasArgument(pid, mark, r.who.uid) {
		return nil
	}
	root, err := os.OpenRoot(r.path("data"))
	if err != nil {
		return fmt.Errorf("open the data directory: %w", err)
	}
	defer root.Close()
	f, err := root.OpenFile("postmaster.pid", os.O_RDWR, 0)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("correct a stale pid file: %w", err)
	}
	defer f.Close()
	b := make([]byte, 4<<10)
	n, err := f.ReadAt(b, 0)
	if n == 0 {
		return fmt.Errorf("correct a stale pid file: %w", err)
	}
	_, rest, _ := strings.Cut(string(b[:n]), "\n")
	// Linux counts to 4194304 at most (PID_MAX_LIMIT).
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("correct a stale pid file: %w", err)
	}
	if _, err := f.WriteAt([]byte("4194305\n"+rest), 0); err != nil {
		return fmt.Errorf("correct a stale pid file: %w", err)
	}
	return nil
}
