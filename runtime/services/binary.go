package services

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// minPostgres is the first Postgres whose initdb and settings we know.
const minPostgres = 14

// postgresBin finds the directory with initdb and postgres: Debian's folders
// first, the newest one, then the PATH. A major other than 0 asks for that version
// alone, since data can be opened by the version that wrote it only.
func postgresBin(major int) (string, error) {
	best, at := 0, ""
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, dir := range dirs {
		n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		if err == nil && n > best && n >= minPostgres && (major == 0 || n == major) && complete(dir) {
			best, at = n, dir
		}
	}
	if at != "" {
		return at, nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			n := versionOf(path)
			if dir := filepath.Dir(path); n >= minPostgres && (major == 0 || n == major) && complete(dir) {
				return dir, nil
			}
		}
	}
	if major != 0 {
		return "", fmt.Errorf("postgres %d, which wrote the data that is here: %w", major, ErrMissing)
	}
	return "", fmt.Errorf("postgres %d or newer: %w", minPostgres, ErrMissing)
}

func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

var number = regexp.MustCompile(`\d+`)

// versionOf asks a postgres for its major version, 0 when it does not say.
func versionOf(path string) int {
	out, err := exec.Command(path, "--version").Output() // "postgres (PostgreSQL) 15.18 (…)"
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(number.FindString(string(out)))
	return n
}

// redisBin finds a Redis server and its major version. Debian's redis-tools
// ships the whole server under the name redis-check-rdb and decides by argv[0]
// which of the two it is; with that package no system service comes along.
func redisBin() (path string, major int, err error) {
	for _, name := range []string{"redis-server", "redis-check-rdb", "/usr/bin/redis-server", "/usr/bin/redis-check-rdb"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if path, err = filepath.Abs(path); err != nil {
			continue
		}
		cmd := exec.Command(path, "--version")
		cmd.Args[0] = "redis-server"
		out, err := cmd.Output()
		// "Redis server v=7.0.15 sha=…"
		if _, rest, ok := strings.Cut(string(out), " v="); err == nil && ok {
			if n, _ := strconv.Atoi(number.FindString(rest)); n >= 6 {
				return path, n, nil
			}
		}
	}
	return "", 0, fmt.Errorf("redis 6 or newer: %w", ErrMissing)
}
