package main

import (
	"time"

	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"fnstore/runtime/ingress"
	"fnstore/runtime/stackfile"
)

// settings are what every command shares. A port of 0 takes any that is free;
// .fnstore/env then says which.
type settings struct {
	Stack         string        `short:"f" default:"stack.yml" env:"FNSTORE_STACK" help:"The stack file." placeholder:"FILE"`
	State         string        `default:".fnstore" env:"FNSTORE_STATE" help:"Folder of everything the store keeps." placeholder:"DIR"`
	GatewayPort   int           `default:"8080" env:"FNSTORE_GATEWAY_PORT" help:"Gateway and browser." placeholder:"PORT"`
	MetricsPort   int           `default:"8082" env:"FNSTORE_METRICS_PORT" help:"Prometheus metrics." placeholder:"PORT"`
	RegistryPort  int           `default:"5000" env:"FNSTORE_REGISTRY_PORT" help:"OCI registry." placeholder:"PORT"`
	S3Port        int           `name:"s3-port" default:"9000" env:"FNSTORE_S3_PORT" help:"S3." placeholder:"PORT"`
	Listen        string        `default:"127.0.0.1" env:"FNSTORE_LISTEN" help:"IP address of the gateway; beyond loopback it needs a certificate or trusted proxies." placeholder:"ADDR"`
	TLSCert       string        `name:"tls-cert" env:"FNSTORE_TLS_CERT" help:"Certificate chain of the gateway (PEM), which then speaks HTTPS and HTTP/2; read again when it changes." placeholder:"FILE"`
	TLSKey        string        `name:"tls-key" env:"FNSTORE_TLS_KEY" help:"Key of the certificate (PEM)." placeholder:"FILE"`
	Proxies       string        `name:"trusted-proxies" env:"FNSTORE_TRUSTED_PROXIES" help:"Addresses and CIDR ranges of proxies, with commas between them, whose X-Forwarded-* and Forwarded are taken." placeholder:"CIDR,…"`
	S3Domain      string        `name:"s3-domain" env:"FNSTORE_S3_DOMAIN" help:"Host names under which S3 is reached, with commas between them; buckets are then served as BUCKET.NAME too." placeholder:"NAME,..."`
	S3URL         string        `name:"s3-url" env:"FNSTORE_S3_URL" help:"An S3 store of yours whose objects are followed (http(s)://KEY:SECRET@HOST): its login may list the buckets and read them. The functions' NAME-s3 secrets are then yours to make." placeholder:"URL"`
	IntakePort    int           `default:"8083" env:"FNSTORE_INTAKE_PORT" help:"Notifications of the S3 store of yours." placeholder:"PORT"`
	Reconcile     time.Duration `default:"5m" env:"FNSTORE_RECONCILE" help:"How often watched buckets of the S3 store of yours are listed, to find what notifications missed." placeholder:"DURATION"`
	Backend       string        `enum:"process,docker" default:"process" env:"FNSTORE_BACKEND" help:"How functions run: as processes, or as containers of the Docker engine at DOCKER_HOST (${enum})."`
	DockerInside  bool          `name:"docker-internal" env:"FNSTORE_DOCKER_INTERNAL" help:"With the Docker backend: functions reach the services of this store and nothing else, since their network has no way out."`
	Postgres      string        `env:"FNSTORE_POSTGRES_URL" help:"A Postgres of yours; without it the store runs its own." placeholder:"URL"`
	Redis         string        `env:"FNSTORE_REDIS_URL" help:"A Redis of yours; without it the store runs its own." placeholder:"URL"`
	QueueMessages int64         `default:"2000000" env:"FNSTORE_QUEUE_MESSAGES" help:"Messages that may wait for one function; more get 429." placeholder:"N"`
	QueueBytes    int64         `default:"4294967296" env:"FNSTORE_QUEUE_BYTES" help:"Bytes of bodies that may wait for one function; more get 429." placeholder:"N"`
	CallbackHosts string        `env:"FNSTORE_CALLBACK_HOSTS" help:"Hosts that X-Callback-Url may name, with commas between them: NAME, NAME:PORT, or NAME:PORT+private for one whose address is not public." placeholder:"HOST,..."`
	DeadNotify    string        `name:"deadletter-notify" env:"FNSTORE_DEADLETTER_NOTIFY" help:"URL or function that is told of dead letters; the annotation fnstore.deadletter.notify of a function is one for its own." placeholder:"URL|NAME"`

	stateFlag bool `kong:"-"` // --state was given, not the environment's FNSTORE_STATE
}

// ingress is the gateway's public port as the settings have it.
func (s *settings) ingress() (*ingress.Ingress, error) {
	return ingress.New(ingress.Config{Address: s.Listen, Port: s.GatewayPort, CertFile: s.TLSCert, KeyFile: s.TLSKey, TrustedProxies: s.Proxies})
}

// path is a file or folder of the state.
func (s *settings) path(elem ...string) string {
	return filepath.Join(append([]string{s.State}, elem...)...)
}

// findStack takes stack.yaml, which faas-cli writes, where no file was named and
// there is no stack.yml.
func (s *settings) findStack() {
	if _, err := os.Stat(s.Stack); s.Stack == defaultStack && errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(otherStack); err == nil {
			s.Stack = otherStack
		}
	}
}

const (
	defaultStack = "stack.yml"
	otherStack   = "stack.yaml"
)

// stackFile reads the stack file. FNSTORE_REGISTRY means this store's own
// registry unless the environment says otherwise and no flag names the store.
// FNSTORE_GATEWAY_PORT is the port of this store's gateway, however it was set.
func (s *settings) stackFile(registry string) (*stackfile.File, error) {
	return stackfile.Parse(s.Stack, func(name string) (string, bool) {
		if name == "FNSTORE_REGISTRY" && s.stateFlag && registry != "" {
			return registry, true
		}
		if name == "FNSTORE_GATEWAY_PORT" && s.GatewayPort != 0 {
			return strconv.Itoa(s.GatewayPort), true
		}
		if v, ok := os.LookupEnv(name); ok {
			return v, true
		}
		if name == "FNSTORE_REGISTRY" {
			return registry, true
		}
		return "", false
	})
}

// follow takes the gateway's port from the variables of a store that runs.
func (s *settings) follow(vars map[string]string) {
	u, err := url.Parse(vars["OPENFAAS_URL"])
	if err != nil {
		return
	}
	if port, err := strconv.Atoi(u.Port()); err == nil {
		s.GatewayPort = port
	}
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
		return fmt.Errorf("no store has been started here; run fnstore up, or name the folder of one with --state: %w", err)
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
