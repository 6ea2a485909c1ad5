package storetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// repository finds the root from the folder that tests run in.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "stack.yml")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find the repository: no stack.yml above this folder")
		}
	}
}

// built is the first binary of this process; the stores that follow link to it.
var built struct {
	sync.Mutex
	path string
}

// compile makes the binary at path: from the sources as they are now, or the
// one that FNSTORE_BIN names. Each store has a name of its own for it, by which
// its processes can be told from all others.
func compile(root, path string) error {
	built.Lock()
	defer built.Unlock()
	if given := os.Getenv("FNSTORE_BIN"); given != "" {
		return duplicate(given, path)
	}
	if built.path != "" && os.Link(built.path, path) == nil {
		return nil // else that store has been closed, and took it along
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, "./cmd/fnstore")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile fnstore: %w: %s", err, out)
	}
	built.path = path
	return nil
}

func duplicate(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("take the binary that FNSTORE_BIN names: %w", err)
	}
	return os.WriteFile(to, b, 0o755)
}
