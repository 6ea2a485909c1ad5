package services

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dataDir is the directory of one service.
type dataDir struct {
	dir string
	who account
}

// openDataDir makes the directory and decides whose service it will be. When that is
// another user, the directory lets others pass (0711) and its files do not.
func openDataDir(dir string, names ...string) (dataDir, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return dataDir{}, fmt.Errorf("place the service: %w", err)
	}
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return dataDir{}, fmt.Errorf("place the service: %w", err)
	}
	// One spelling: the path is how a running service is recognised.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return dataDir{}, fmt.Errorf("place the service: %w", err)
	}
	who, err := pick(filepath.Join(dir, "data"), names...)
	if err != nil {
		return dataDir{}, err
	}
	r := dataDir{dir, who}
	return r, who.reach(dir)
}

func (r dataDir) path(name string) string { return filepath.Join(r.dir, name) }

// lock waits until no other process starts this service. The kernel lets go of
// the lock when its holder dies.
func (r dataDir) lock(ctx context.Context) (func(), error) {
	f, err := os.OpenFile(r.path("lock"), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the service: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			f.Close()
			return nil, fmt.Errorf("lock the service: %w", err)
		}
		if !pause(ctx, 20*time.Millisecond) {
			f.Close()
			return nil, fmt.Errorf("another process keeps starting the service in %s: %w", r.dir, ctx.Err())
		}
	}
}

// folder makes a directory that the service's user owns.
func (r dataDir) folder(name string) error {
	at := r.path(name)
	err := os.Mkdir(at, 0o700)
	if err == nil && r.who.foreign() {
		err = os.Lchown(at, int(r.who.uid), int(r.who.gid))
	}
	if err != nil && !os.IsExist(err) {
		return fmt.Errorf("make a folder for the service: %w", err)
	}
	info, err := os.Lstat(at)
	if err != nil {
		return fmt.Errorf("make a folder for the service: %w", err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; !info.IsDir() || owner != r.who.uid {
		return fmt.Errorf("%s belongs to %s, not to %s who would use it", at, byID(owner, 0).name, r.who.name)
	}
	return nil
}

// write replaces a file of ours in one step. Nothing follows a link that someone
// may have put in its place.
func (r dataDir) write(name, content string, mode fs.FileMode) error {
	f, err := os.CreateTemp(r.dir, "."+name+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), r.path(name))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// password reads the service's password, and makes one the first time: 32
// random bytes in letters that need no escaping in a URL.
func (r dataDir) password() (string, error) {
	b, err := os.ReadFile(r.path("password"))
	if err == nil {
		if word := strings.TrimSpace(string(b)); word != "" {
			return word, nil
		}
		return "", fmt.Errorf("%s is empty", r.path("password"))
	}
	if !os.IsNotExist(err) {
		return "", fmt.Errorf("read the service's password: %w", err)
	}
	raw := make([]byte, 32)
	rand.Read(raw)
	word := base64.RawURLEncoding.EncodeToString(raw)
	return word, r.write("password", word+"\n", 0o600)
}

// port is where the service listened last, 0 when that is not known.
func (r dataDir) port() int {
	b, err := os.ReadFile(r.path("port"))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 1 || n > 65535 {
		return 0
	}
	return n
}

// pause waits for d and reports whether the context allows more.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
