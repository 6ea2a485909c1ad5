package compose

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnstore/tests/docker/engine"
)

const root = "../.."

var machine *engine.Engine

func TestMain(m *testing.M) {
	os.Exit(engine.Apart(func() int {
		var err error
		if machine, err = engine.Start(engine.Dir()); err != nil {
			if !errors.Is(err, engine.ErrMissing) || os.Getenv("FNSTORE_TEST_DOCKER") == "required" {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			fmt.Println("NOT CHECKED: the compose file:", err)
			return 0
		}
		defer machine.Stop()
		return m.Run()
	}))
}

// project is a clone of the repository and what runs commands in it.
type project struct {
	t   *testing.T
	dir string
	env []string
}

func (p project) run(name string, args ...string) string {
	p.t.Helper()
	out, err := p.try(name, args...)
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func (p project) try(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(p.t.Context(), name, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (p project) store(args ...string) string {
	p.t.Helper()
	return p.run("bin/fnstore", append(args, "--state", filepath.Join(p.dir, "compose/data"))...)
}

// chain calls a function that calls others through the gateway, from a container.
func (p project) chain(id string) {
	p.t.Helper()
	p.until("a chain ends", func() bool {
		out, err := p.try("sh", "-c", `echo '{"id":"`+id+`","values":[21.5,22,20]}' | bin/fnstore invoke chain --state compose/data`)
		return err == nil && strings.Contains(out, `"count":3`)
	})
}

func (p project) until(what string, done func() bool) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("not after a minute: %s", what)
		}
	}
}

// clone copies the tree without what git ignores.
func clone(t *testing.T) project {
	t.Helper()
	dir := filepath.Join(engine.Dir(), "clone")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p := project{t, dir, append(machine.Env, "DOCKER_SOCKET="+strings.TrimPrefix(machine.Host, "unix://"))}
	out, err := exec.Command("sh", "-c", "cd "+root+" && tar -c --exclude=./.git --exclude=./bin --exclude=./build --exclude=./.fnstore --exclude='./secrets/compose' --exclude='./compose/data*' . | tar -x -C "+dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return p
}

// From a clone to a thumbnail and a delivered message, and nothing left.
//
// Seed: R84
func TestCompose_FromUpToDown(t *testing.T) {
	p := clone(t)
	before := machineHas(t)
	tags := map[string]string{}
	text, err := os.ReadFile(root + "/compose/images.env")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, image, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			tags[name], _, _ = strings.Cut(image, "@")
		}
	}
	if err := standIns(machine, engine.Dir(), tags); err != nil {
		t.Fatal(err)
	}
	p.run("sh", "scripts/compose.sh", "credentials")
	for _, path := range []string{"secrets/compose", "secrets/compose/fnstore.env"} {
		if info, err := os.Stat(filepath.Join(p.dir, path)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v, %v", path, info.Mode(), err)
		}
	}
	if out := p.run("sh", "-c", "FNSTORE_DATA=/x docker-compose --env-file compose/images.env -f compose/docker-compose.yaml config -q"); out != "" {
		t.Errorf("docker-compose says: %s", out)
	}
	t.Log(p.run("make", "up-docker"))
	defer func() { _, _ = p.try("make", "clean-docker") }()

	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 800, 600)), nil); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(engine.Dir(), "photo.jpg")
	if err := os.WriteFile(at, photo.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	p.store("s3", "put", at, "uploads/photo.jpg")
	p.until("three thumbnails", func() bool {
		out, err := p.try("bin/fnstore", "s3", "ls", "thumbnails", "--state", filepath.Join(p.dir, "compose/data"))
		return err == nil && strings.Count(out, "photo.jpg") == 3
	})
	res, err := http.Post("http://127.0.0.1:8080/async-function/hello", "application/json", strings.NewReader(`{"name":"Ada"}`))
	if err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatal(res, err)
	}
	id := res.Header.Get("X-Call-Id")
	p.until("the message is delivered", func() bool {
		out, err := p.try("bin/fnstore", "logs", "hello", "--state", filepath.Join(p.dir, "compose/data"))
		return err == nil && strings.Contains(out, id)
	})
	p.chain("m-1")
	confined(t)
	p.until("Prometheus has what functions in containers count, and knows Alertmanager", func() bool {
		return answers("http://127.0.0.1:9090/api/v1/query?query=http_requests_total", `"function":"hello"`) &&
			answers("http://127.0.0.1:9090/api/v1/alertmanagers", "127.0.0.1:9093")
	})
	p.until("Alertmanager is ready", func() bool { return answers("http://127.0.0.1:9093/-/ready", "OK") })

	p.run("make", "down-docker")
	if after := machineHas(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	// The data is still there for the next start, at other ports.
	p.env = append(p.env, "FNSTORE_GATEWAY_PORT=8090", "POSTGRES_PORT=5543")
	p.run("make", "up-docker")
	p.chain("m-2")
	if said := p.run("make", "pin"); !strings.Contains(said, "it stays as it is") {
		t.Errorf("pin, without a registry: %s", said)
	}
	if out := p.store("s3", "ls", "uploads"); !strings.Contains(out, "photo.jpg") {
		t.Errorf("the photo is gone: %s", out)
	}
	p.run("make", "clean-docker")
	if left, _ := machine.Run(nil, "volume", "ls", "-q"); left != "" {
		t.Errorf("volumes: %s", left)
	}
	for _, gone := range []string{"compose/data", "secrets/compose"} {
		if _, err := os.Stat(filepath.Join(p.dir, gone)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", gone, err)
		}
	}
}

// answers tells whether the text at url has the words.
func answers(url, words string) bool {
	res, err := http.Get(url)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return err == nil && res.StatusCode == http.StatusOK && strings.Contains(string(b), words)
}

// machineHas lists containers and networks of the engine.
func machineHas(t *testing.T) string {
	t.Helper()
	containers, err := machine.Run(nil, "ps", "-a", "--format", "{{.Names}}")
	if err != nil {
		t.Fatal(err)
	}
	networks, err := machine.Run(nil, "network", "ls", "--format", "{{.Name}}")
	if err != nil {
		t.Fatal(err)
	}
	return containers + "\n" + networks
}

// confined looks at the functions' network: it has no way out, and none of the
// services is on it.
func confined(t *testing.T) {
	t.Helper()
	name, err := machine.Run(nil, "network", "ls", "--filter", "name=fnstore-", "--format", "{{.Name}}")
	if err != nil || strings.Contains(name, "\n") {
		t.Fatal(name, err)
	}
	out, err := machine.Run(nil, "network", "inspect", "--format", `{{.Internal}} {{range .Containers}}{{.Name}} {{end}}`, name)
	if err != nil || !strings.HasPrefix(out, "true ") || strings.Contains(out, "postgres") || strings.Contains(out, "redis") || !strings.Contains(out, "thumbnail") {
		t.Errorf("%s: %s, %v", name, out, err)
	}
	ports, err := machine.Run(nil, "ps", "--format", "{{.Names}} {{.Ports}}")
	if err != nil || strings.Contains(ports, "0.0.0.0") || strings.Contains(ports, ":::") {
		t.Errorf("a port is open to others: %s %v", ports, err)
	}
}
