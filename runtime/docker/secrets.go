package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"fnstore/kit/fault"
	"fnstore/runtime/provider"
	"fnstore/runtime/secrets"
)

// secretsDir is the folder that the function's containers see their secrets in.
func secretsDir(s provider.Spec) string { return filepath.Join(s.Home, "secrets") }

// Refresh lays the function's secrets out. Nobody but the store may enter the
// folder above them, so the files may be readable to all: in a container they
// belong to whoever an engine maps the store's user to.
func (p *program) Refresh() error {
	if err := os.MkdirAll(p.spec.Home, 0o700); err != nil {
		return fmt.Errorf("lay out secrets: %w", err)
	}
	dir := secretsDir(p.spec)
	if err := errors.Join(os.Chmod(p.spec.Home, 0o700), os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
		return fmt.Errorf("lay out secrets: %w", err)
	}
	names := p.spec.Deployment.Secrets
	var missing []string
	for _, n := range names {
		value, err := p.b.cfg.Secrets.Read(n)
		if err != nil && fault.Of(err).Kind == fault.NotFound {
			missing = append(missing, n)
			continue
		}
		if err != nil {
			return err
		}
		if value, err = p.b.network.translate(value); err != nil {
			return fmt.Errorf("lay out secret %s: %w", n, err)
		}
		path := filepath.Join(dir, n)
		if old, err := os.ReadFile(path); err == nil && string(old) == string(value) {
			continue
		}
		if err := secrets.WriteFile(path, value, 0o444); err != nil {
			return fmt.Errorf("lay out secret %s: %w", n, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("lay out secrets: %w", err)
	}
	for _, e := range entries {
		if !slices.Contains(names, e.Name()) || slices.Contains(missing, e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove secret %s: %w", e.Name(), err)
			}
		}
	}
	if missing != nil {
		return &secrets.MissingError{Names: missing}
	}
	return nil
}

// loopback reads a value that is a URL of this machine's loopback.
func loopback(value []byte) (*url.URL, bool) {
	if len(value) > 4096 {
		return nil, false
	}
	u, err := url.Parse(string(value))
	if err != nil || u.Host == "" {
		return nil, false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return u, host == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}
