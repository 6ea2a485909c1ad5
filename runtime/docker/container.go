package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/runtime/provider"
)

// Labels by which a container tells whose it is.
const (
	labelStore    = "fnstore.store"
	labelFunction = "fnstore.function"
)

const (
	user      = "65532:65532"           // of distroless images too; no machine has it
	secretsAt = "/var/openfaas/secrets" // where OpenFaaS has them
	maxTasks  = 512
	maxFiles  = 8192
	tmpSize   = 256 << 20 // bytes, where memory is not bounded to less
)

// The parts of the Engine API's container that are used here.
type (
	object map[string]any

	summary struct{ ID string }

	state struct {
		Running, OOMKilled bool
		ExitCode           int
		Error              string
	}

	details struct {
		State           state
		NetworkSettings struct {
			Ports    map[string][]struct{ HostIP, HostPort string }
			Networks map[string]struct{ IPAddress string }
		}
	}
)

// form is the container that the version's replicas run in.
func (b *Backend) form(s provider.Spec, image string, imageEnv []string) object {
	s.Deployment.EnvVars = b.reachableEnv(s.Deployment.EnvVars)
	d := s.Deployment
	tmp := int64(tmpSize)
	if s.Limits.Memory > 0 { // it counts as memory: what is written there is bounded anyway
		tmp = min(tmp, s.Limits.Memory)
	}
	host := object{
		"ReadonlyRootfs": true,
		"CapDrop":        []string{"ALL"},
		"SecurityOpt":    []string{"no-new-privileges"},
		"IpcMode":        "private",
		"PidsLimit":      maxTasks,
		"Ulimits":        []object{{"Name": "nofile", "Soft": maxFiles, "Hard": maxFiles}, {"Name": "core", "Soft": 0, "Hard": 0}},
		// With a user and not with mode=1777 alone, which some versions of runc
		// forget where the image has no /tmp.
		"Tmpfs":         object{"/tmp": fmt.Sprintf("rw,nosuid,nodev,noexec,size=%d,mode=1777,uid=65532,gid=65532", tmp)},
		"Mounts":        []object{{"Type": "bind", "Source": secretsDir(s), "Target": secretsAt, "ReadOnly": true}},
		"LogConfig":     object{"Type": "none"}, // the store keeps what they write, within bounds
		"RestartPolicy": object{"Name": "no"},   // the provider restarts
		"NetworkMode":   b.network.Name,
	}
	if m := s.Limits.Memory; m > 0 {
		host["Memory"], host["MemorySwap"] = max(m, 6<<20), max(m, 6<<20) // the engine's least
	}
	if c := s.Limits.CPU; c > 0 {
		host["NanoCpus"] = max(c, 10) * 1e6
	}
	exposed := object{portOf(d.EnvVars) + "/tcp": object{}}
	if port := metricsPortOf(d); port != "" {
		exposed[port+"/tcp"] = object{}
	}
	if b.publish {
		bindings := object{}
		for at := range exposed {
			bindings[at] = []object{{"HostIp": "127.0.0.1", "HostPort": ""}}
		}
		host["PortBindings"] = bindings
	}
	return object{
		"Image": image, "User": user, "Env": environment(s, imageEnv), "HostConfig": host,
		"ExposedPorts": exposed,
		"Labels":       map[string]string{labelStore: b.id, labelFunction: d.Service},
		"AttachStdout": true, "AttachStderr": true,
	}
}

// portOf is where the function listens: what it is told, or OpenFaaS's port.
func portOf(env map[string]string) string {
	if p := env["port"]; p != "" {
		return p
	}
	return "8080"
}

// metricsPortOf is where the function is asked for metrics; empty when it is not.
func metricsPortOf(d types.FunctionDeployment) string {
	if !provider.HasMetrics(d) {
		return ""
	}
	if port := d.EnvVars["metrics_port"]; port != "" {
		return port
	}
	return "8081"
}

// environment is what the container gets beside what the image sets.
func environment(s provider.Spec, imageEnv []string) (env []string) {
	d := s.Deployment
	set := map[string]bool{}
	for _, e := range imageEnv {
		set[key(e)] = true
	}
	if s.Limits.Memory > 0 && !set["GOMEMLIMIT"] { // a tenth for what the collector does not count
		if _, said := d.EnvVars["GOMEMLIMIT"]; !said {
			env = append(env, fmt.Sprintf("GOMEMLIMIT=%d", s.Limits.Memory/10*9))
		}
	}
	ours := []string{"OPENFAAS_NAME=" + d.Service, "OPENFAAS_NAMESPACE=" + provider.Namespace, "secret_mount_path=" + secretsAt}
	if d.EnvProcess != "" {
		ours = append(ours, "fprocess="+d.EnvProcess)
	}
	taken := map[string]bool{}
	for _, e := range ours {
		taken[key(e)] = true
	}
	for k, v := range d.EnvVars {
		if !taken[k] {
			env = append(env, k+"="+v)
		}
	}
	return append(env, ours...)
}

func key(variable string) string {
	for i := range variable {
		if variable[i] == '=' {
			return variable[:i]
		}
	}
	return variable
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

func (e *engine) containers(ctx context.Context, label string) (list []summary, err error) {
	q := url.Values{"all": {"true"}, "filters": {fmt.Sprintf(`{"label":[%q]}`, label)}}
	return list, e.get(ctx, "/containers/json?"+q.Encode(), &list)
}

func (e *engine) create(ctx context.Context, name string, form object) (id string, err error) {
	var made summary
	err = e.call(ctx, http.MethodPost, "/containers/create?name="+url.QueryEscape(name), form, &made)
	return made.ID, err
}

// late is how long the news of a container that had too much memory may take
// after that of its end.
const late = 300 * time.Millisecond

// outOfMemory looks for that news among the engine's events: when it comes
// second, the container's state does not have it.
func (e *engine) outOfMemory(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	until := time.Now().Add(late)
	q := url.Values{"since": {"0"}, "until": {fmt.Sprintf("%d.%09d", until.Unix(), until.Nanosecond())},
		"filters": {fmt.Sprintf(`{"container":[%q],"event":["oom"]}`, id)}}
	res, err := e.send(ctx, http.MethodGet, "/events?"+q.Encode(), nil)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	var event object
	return json.NewDecoder(res.Body).Decode(&event) == nil // the first ends the wait
}

// remove ends the container, if it runs, and takes it away. One that is gone is
// no error.
func (e *engine) remove(ctx context.Context, id string) error {
	err := e.call(ctx, http.MethodDelete, "/containers/"+id+"?force=true&v=true", nil, nil)
	if r, ok := err.(*refusal); ok && (r.status == http.StatusNotFound || r.status == http.StatusConflict) { // 409: it is being removed
		return nil
	}
	return err
}
