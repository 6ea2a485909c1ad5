package process

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"fnstore/runtime/provider"
)

// program is one version of a function and the binary it runs.
type program struct {
	b      *Backend
	spec   provider.Spec
	binary Binary

	mu        sync.Mutex
	prewarmed *sandbox // of the next process; or nil
	closed    bool
}

// secrets is the folder that the function finds its secrets in.
func (p *program) secrets() string { return filepath.Join(p.spec.Home, "secrets") }

// Refresh lays the function's secrets out.
func (p *program) Refresh() error {
	return p.b.cfg.Secrets.Project(p.secrets(), p.spec.Deployment.Secrets, p.spec.Owner())
}

// Supervisor makes the listener that its processes will accept on.
func (p *program) Supervisor(id string) (provider.Supervisor, error) {
	return newListener(p, id)
}

// prewarm makes the sandbox of the next process while nobody waits for it: that
// takes longer than fork and exec do.
func (p *program) prewarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.prewarmed != nil || p.closed {
		return
	}
	if s, err := newSandbox(p); err == nil { // else the next start says why it cannot be made
		p.prewarmed = s
	}
}

// takePrewarmed gives the sandbox that prewarm made, nil if there is none.
func (p *program) takePrewarmed() *sandbox {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.prewarmed
	p.prewarmed = nil
	return s
}

// Close takes away what was prewarmed; no process is left by then.
func (p *program) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.prewarmed != nil {
		p.prewarmed.Close()
		p.prewarmed = nil
	}
}

// environment is everything the process gets; of ours it inherits nothing.
// What the runtime decides stands last and wins.
func (p *program) environment(home string) []string {
	d := p.spec.Deployment
	env := append([]string{"PATH=/usr/bin:/bin"}, p.b.isolation.hints(p.spec.Limits)...)
	env = append(env, p.binary.Env...)
	for k, v := range d.EnvVars {
		env = append(env, k+"="+v)
	}
	if d.EnvProcess != "" {
		env = append(env, "fprocess="+d.EnvProcess)
	}
	sockets, names := "1", "http"
	if provider.HasMetrics(d) {
		sockets, names = "2", "http:metrics"
	}
	return lastOfEach(append(env,
		"OPENFAAS_NAME="+d.Service,
		"OPENFAAS_NAMESPACE="+provider.Namespace,
		"secret_mount_path="+p.secrets(),
		"TMPDIR="+home,
		"HOME="+home,
		"LISTEN_FDS="+sockets,
		"LISTEN_FDNAMES="+names,
	))
}

// lastOfEach keeps the last of each variable: the first is what most programs
// would see.
func lastOfEach(env []string) []string {
	seen := map[string]bool{}
	out := make([]string, 0, len(env))
	for _, e := range slices.Backward(env) {
		if k, _, _ := strings.Cut(e, "="); !seen[k] {
			seen[k] = true
			out = append(out, e)
		}
	}
	slices.Reverse(out)
	return out
}
