package services

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// StopAll stops the services that run in the directories, whoever started them,
// and returns the names of those it stopped: "postgres", "redis". A directory that
// is not there, or in which nothing runs, is passed over. It needs no password.
func StopAll(ctx context.Context, dirs ...string) (stopped []string, err error) {
	for _, dir := range dirs {
		name, serr := stopIn(ctx, dir)
		err = errors.Join(err, serr)
		if name != "" {
			stopped = append(stopped, name)
		}
	}
	return stopped, err
}

func stopIn(ctx context.Context, dir string) (name string, err error) {
	if dir, err = filepath.Abs(dir); err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for a service: %w", err)
	}
	who, err := pick(filepath.Join(dir, "data"), "nobody")
	if err != nil {
		return "", err
	}
	r := dataDir{dir, who}
	ctx, cancel := withDefaultTimeout(ctx)
	defer cancel()
	unlock, err := r.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	for _, e := range []*engine{postgresEngine(r, Config{}.logger()), redisEngine(r, Config{}.logger())} {
		p := find(e.pid(), e.mark, who.uid)
		if p == nil {
			continue
		}
		if err := e.halt(ctx, p); err != nil {
			return "", fmt.Errorf("stop %s in %s: %w", e.name, dir, err)
		}
		return e.name, nil
	}
	return "", nil
}
