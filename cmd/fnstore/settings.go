package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fnstore/runtime/stackfile"
)

// settings are what every command shares. A port of 0 takes any that is free;
// .fnstore/env then says which.
type settings struct {
	Stack         string `short:"f" default:"stack.yml" env:"FNSTORE_STACK" help:"The stack file." placeholder:"FILE"`
	State         string `default:".fnstore" env:"FNSTORE_STATE" help:"Folder of everything the store keeps." placeholder:"DIR"`
	GatewayPort   int    `default:"8080" env:"FNSTORE_GATEWAY_PORT" help:"Gateway and browser." placeholder:"PORT"`
	MetricsPort   int    `default:"8082" env:"FNSTORE_METRICS_PORT" help:"Prometheus metrics." placeholder:"PORT"`
	RegistryPort  int    `default:"5000" env:"FNSTORE_REGISTRY_PORT" help:"OCI registry." placeholder:"PORT"`
	S3Port        int    `name:"s3-port" default:"9000" env:"FNSTORE_S3_PORT" help:"S3." placeholder:"PORT"`
	S3Domain      string `name:"s3-domain" env:"FNSTORE_S3_DOMAIN" help:"Host names under which S3 is reached, with commas between them; buckets are then served as BUCKET.NAME too." placeholder:"NAME,..."`
	Backend       string `enum:"process,docker" default:"process" env:"FNSTORE_BACKEND" help:"How functions run: as processes, or as containers of the Docker engine at DOCKER_HOST (${enum})."`
	Postgres      string `env:"FNSTORE_POSTGRES_URL" help:"A Postgres of yours; without it the store runs its own." placeholder:"URL"`
	Redis         string `env:"FNSTORE_REDIS_URL" help:"A Redis of yours; without it the store runs its own." placeholder:"URL"`
	QueueMessages int64  `default:"2000000" env:"FNSTORE_QUEUE_MESSAGES" help:"Messages that may wait for one function; more get 429." placeholder:"N"`
	CallbackHosts string `env:"FNSTORE_CALLBACK_HOSTS" help:"Hosts that X-Callback-Url may name, with commas between them: NAME, NAME:PORT, or NAME:PORT+private for one whose address is not public." placeholder:"HOST,..."`
	DeadNotify    string `name:"deadletter-notify" env:"FNSTORE_DEADLETTER_NOTIFY" help:"URL or function that is told of dead letters; the annotation fnstore.deadletter.notify of a function is one for its own." placeholder:"URL|NAME"`
	QueueBytes    int64  `default:"4294967296" env:"FNSTORE_QUEUE_BYTES" help:"Bytes of bodies that may wait for one function; more get 429." placeholder:"N"`
}

// path is a file or folder of the state.
func (s *settings) path(elem ...string) string {
	return filepath.Join(append([]string{s.State}, elem...)...)
}

// stackFile reads the stack file. FNSTORE_REGISTRY means this store's own
// registry unless the environment says otherwise.
func (s *settings) stackFile(registry string) (*stackfile.File, error) {
	return stackfile.Parse(s.Stack, func(name string) (string, bool) {
		if v, ok := os.LookupEnv(name); ok {
			return v, true
		}
		if name == "FNSTORE_REGISTRY" {
			return registry, true
		}
		return "", false
	})
}

// elsewhere is where the state goes when it cannot be where it was asked for.
const elsewhere = "/var/lib/fnstore"

// openState makes the state folder and returns its real path. Functions and
// services of a store that root runs have users of their own, who must be able
// to walk to their files. Where they could not, as in /root, the state lives
// under /var/lib/fnstore and .fnstore points there.
func (s *settings) openState() (moved bool, err error) {
	abs, err := filepath.Abs(s.State)
	if err != nil {
		return false, err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		s.State = real
		return false, passable(real)
	}
	if os.Geteuid() == 0 && !walkable(filepath.Dir(abs)) {
		sum := sha256.Sum256([]byte(abs))
		target := filepath.Join(elsewhere, hex.EncodeToString(sum[:6]))
		if err := os.MkdirAll(target, 0o711); err != nil {
			return false, err
		}
		if err := os.Remove(abs); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if err := os.Symlink(target, abs); err != nil {
			return false, err
		}
		s.State = target
		return true, passable(target)
	}
	if err := os.MkdirAll(abs, 0o711); err != nil {
		return false, err
	}
	s.State = abs
	return false, passable(abs)
}

// passable lets everyone walk through the state, whatever the umask is: what is
// not for everyone has a mode of its own.
func passable(dir string) error { return os.Chmod(dir, 0o711) }

// readState finds the state of a store that was started before.
func (s *settings) readState() error {
	real, err := filepath.EvalSymlinks(s.State)
	if err != nil {
		return fmt.Errorf("no store has been started here: %w", err)
	}
	s.State, err = filepath.Abs(real)
	return err
}

// walkable reports whether everyone may pass through dir and all above it.
func walkable(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
