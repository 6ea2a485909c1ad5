package services_test

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fnstore/runtime/services"

	"github.com/jackc/pgx/v5"
)

func TestAdopt_AdoptedAfterItsParentWasKilled(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		dir := place(t)
		start(t, kind, filepath.Join(dir, "..", "probe")) // skips when it is not installed
		cmd, _, pid, _ := parent(t, kind, dir, 0)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		s := start(t, kind, dir)
		if !s.Adopted() || s.PID() != pid {
			t.Errorf("adopted %v, pid %d, want %d", s.Adopted(), s.PID(), pid)
		}
		if err := s.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		if left := living(dir); len(left) > 0 {
			t.Errorf("processes left after Stop of an adopted service: %v", left)
		}
	})
}

func TestAdopt_StopAllEndsWhatWasLeftBehind(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		dir := place(t)
		start(t, kind, dir)
		stopped, err := services.StopAll(context.Background(), dir, filepath.Join(dir, "nowhere"))
		if err != nil || len(stopped) != 1 || stopped[0] != kind {
			t.Errorf("stopped %q, %v; want %q", stopped, err, kind)
		}
		if left := living(dir); len(left) > 0 {
			t.Errorf("processes left: %v", left)
		}
		if stopped, err = services.StopAll(context.Background(), dir); err != nil || len(stopped) != 0 {
			t.Errorf("a second time: %q, %v", stopped, err)
		}
	})
}

func TestAdopt_CtrlCInTheTerminalDoesNotReachIt(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		s := start(t, kind, place(t))
		sid, _, err := syscall.Syscall(syscall.SYS_GETSID, uintptr(s.PID()), 0, 0)
		if err != 0 || int(sid) != s.PID() {
			t.Errorf("session %d (%v), want one of its own, %d", sid, err, s.PID())
		}
	})
}

// When root starts the store after a plain user did, the services keep their
// owner. Run by a plain user, the test shows that they run as that user.
func TestAdopt_RunsAsAPlainUser(t *testing.T) {
	plain, err := user.Current()
	if err == nil && os.Geteuid() == 0 {
		plain, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(plain.Uid)
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, kind string) {
		dir := place(t)
		start(t, kind, filepath.Join(dir, "..", "probe"))
		home := filepath.Join(filepath.Dir(dir), "home")
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatal(err)
		}
		as := uint32(0)
		if os.Geteuid() == 0 {
			as = uint32(uid)
			if err := os.Chown(home, uid, uid); err != nil {
				t.Fatal(err)
			}
		}
		dir = filepath.Join(home, "s")
		cmd, _, pid, who := parent(t, kind, dir, as)
		if who != plain.Username {
			t.Errorf("runs as %s, want %s", who, plain.Username)
		}
		cmd.Process.Kill()
		cmd.Wait()
		s := start(t, kind, dir)
		if !s.Adopted() || s.PID() != pid || s.User() != plain.Username {
			t.Errorf("adopted %v, pid %d of %d, user %s", s.Adopted(), s.PID(), pid, s.User())
		}
	})
}

func TestAdopt_KilledServiceStartsAgain(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		dir := place(t)
		s := start(t, kind, dir)
		if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		gone(t, s.PID())
		again := start(t, kind, dir) // Postgres' backends may still be ending
		if again.Adopted() || again.PID() == s.PID() {
			t.Errorf("adopted %v, pid %d", again.Adopted(), again.PID())
		}
	})
}

func TestAdopt_StalePidFileOfALivingStranger(t *testing.T) {
	files := map[string]string{"postgres": "data/postmaster.pid", "redis": "run/redis.pid"}
	each(t, func(t *testing.T, kind string) {
		dir := place(t)
		s := start(t, kind, dir)
		file := filepath.Join(dir, files[kind])
		was, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		owner, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		// The stranger has the service's own user: Postgres pays heed to no other.
		st := owner.Sys().(*syscall.Stat_t)
		stranger := exec.Command("sleep", "600")
		if os.Geteuid() == 0 {
			stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: st.Uid, Gid: st.Gid}}
		}
		if err := stranger.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { stranger.Process.Kill(); stranger.Wait() }()
		forged := strconv.Itoa(stranger.Process.Pid) + string(was[len(strconv.Itoa(s.PID())):])
		if err := os.WriteFile(file, []byte(forged), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(file, int(st.Uid), int(st.Gid)); err != nil {
			t.Fatal(err)
		}
		if again := start(t, kind, dir); again.Adopted() {
			t.Error("adopted a stranger")
		}
		if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("the stranger was hurt: %v", err)
		}
	})
}

func TestAdopt_PromisesAreHeldTo(t *testing.T) {
	ctx := context.Background()
	dir := place(t)
	s := start(t, "postgres", dir)
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for name, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_checksums": "on", "jit": "off",
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "100", "ssl": "off",
		"server_encoding": "UTF8", "lc_collate": "C", "password_encryption": "scram-sha-256", "log_statement": "none",
		"autovacuum_vacuum_scale_factor": "0.02", "autovacuum_vacuum_cost_delay": "0",
	} {
		var got string
		if err := conn.QueryRow(ctx, "select current_setting($1)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
	if _, err := conn.Exec(ctx, "alter system set synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if left, err := services.StartPostgres(ctx, services.Config{Dir: dir}); err == nil {
		left.Stop(ctx)
		t.Error("started with synchronous_commit off")
	}
	if left := living(dir); len(left) > 0 {
		t.Errorf("a refused start leaves %v", left)
	}
}

func TestAdopt_FailedStartTellsWhatTheLogSays(t *testing.T) {
	dir := place(t)
	s := start(t, "postgres", dir)
	if err := s.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "data/global/pg_control")); err != nil {
		t.Fatal(err)
	}
	_, err := services.StartPostgres(context.Background(), services.Config{Dir: dir})
	if err == nil {
		t.Fatal("started without its control file")
	}
	if want := "could not find the database system"; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not quote the log (%q)", err, want)
	}
}
