// Package secret reads the secrets a platform mounts as files. A secret is
// read when it is used, so a rotated one is seen without a restart. It does not
// know where a secret came from or what it is for.
package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Dir is where OpenFaaS mounts secrets; the variable secret_mount_path moves it.
const Dir = "/var/openfaas/secrets"

// maxSize bounds one secret: 1 MiB, the limit of a Kubernetes secret.
const maxSize = 1 << 20

// name is RFC 1123's subdomain, which is what faas-cli and Kubernetes accept.
var name = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// ErrName is returned for a name that no platform could have mounted, paths
// that climb out of the folder among them.
var ErrName = errors.New("not a secret's name")

// ErrEmpty is returned for a secret that holds nothing but white space.
var ErrEmpty = errors.New("the secret is empty")

// ValidName reports whether s can name a secret.
func ValidName(s string) bool { return name.MatchString(s) && !strings.Contains(s, "..") }

// Read gives the secret's value without the white space around it, as
// go-sdk's ReadSecret does. A changed file is noticed by its identity, size
// and time of change at every call; an unchanged one is not read again.
func Read(key string) (string, error) {
	if !ValidName(key) {
		return "", fmt.Errorf("secret %q: %w", key, ErrName)
	}
	dir := os.Getenv("secret_mount_path")
	if dir == "" {
		dir = Dir
	}
	return cache.read(filepath.Join(dir, key))
}

var cache = files{seen: map[string]entry{}}

type files struct {
	mu   sync.Mutex
	seen map[string]entry
}

type entry struct {
	info  fs.FileInfo
	value string
}

func (c *files) read(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if info.IsDir() { // Knative mounts a directory NAME with one file in it
		if path, info, err = only(path); err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.seen[path]; ok && unchanged(e.info, info) {
		return e.value, nil
	}
	value, err := slurp(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	c.seen[path] = entry{info, value}
	return value, nil
}

// unchanged is true when a is surely the file b is. A file touched within the
// last two seconds is read again: a second write may share its time stamp.
func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) &&
		time.Since(b.ModTime()) > 2*time.Second
}

func slurp(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxSize {
		return "", fmt.Errorf("%s is longer than %d bytes", filepath.Base(path), maxSize)
	}
	value := strings.TrimSpace(string(b))
	if value == "" {
		return "", fmt.Errorf("%s: %w", filepath.Base(path), ErrEmpty)
	}
	return value, nil
}

// only finds the single regular file in a mounted directory, passing over the
// dot entries that Kubernetes keeps its generations in.
func only(dir string) (string, fs.FileInfo, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	var found string
	for _, e := range list {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if found != "" {
			return "", nil, fmt.Errorf("%s holds more than one key", filepath.Base(dir))
		}
		found = filepath.Join(dir, e.Name())
	}
	if found == "" {
		return "", nil, fmt.Errorf("%s holds no key", filepath.Base(dir))
	}
	info, err := os.Stat(found)
	return found, info, err
}
