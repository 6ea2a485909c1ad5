package targets

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"fnstore/runtime/provider"
	"fnstore/runtime/stackfile"
)

func tooMany(in Input) (string, bool) {
	n := len(in.File.Functions)
	return fmt.Sprintf("%d functions", n), n > maxFaasd
}

func always(Input) (string, bool) { return "", true }

// deployment asks the store's own check, with what faas-cli would send.
func deployment(in Input, _ Target, fn *stackfile.Function) []string {
	d, err := fn.Deployment(in.File.Dir)
	if err != nil {
		return []string{err.Error()}
	}
	d.Namespace = "" // a rule of its own
	if err := provider.Validate(d); err != nil {
		return []string{strings.TrimPrefix(err.Error(), "validation failed: ")}
	}
	return nil
}

func namespace(_ Input, _ Target, fn *stackfile.Function) []string {
	if fn.Namespace == "" || fn.Namespace == provider.Namespace {
		return nil
	}
	return []string{fn.Namespace}
}

// made are the secrets that a store makes by itself for a deployed function.
func made(fn *stackfile.Function, name string) bool {
	for _, suffix := range []string{"-pg", "-redis", "-s3"} {
		if name == fn.Name+suffix {
			return true
		}
	}
	return false
}

func secretsMissing(in Input, t Target, fn *stackfile.Function) (list []string) {
	if in.Secrets == nil {
		return nil
	}
	for _, s := range fn.Secrets {
		if !in.Secrets[s] && (t == Faasd || !made(fn, s)) {
			list = append(list, s)
		}
	}
	return list
}

func platforms(in Input, _ Target, fn *stackfile.Function) []string {
	if fn.Platforms == "" || in.Platform == "" {
		return nil
	}
	for p := range strings.SplitSeq(fn.Platforms, ",") {
		if p = strings.TrimSpace(p); p == in.Platform || p+"/v7" == in.Platform || p == in.Platform+"/v7" {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s is not among %s", in.Platform, fn.Platforms)}
}

func needsEngine(in Input, _ Target, fn *stackfile.Function) []string {
	switch {
	case fn.SkipBuild || fn.Lang == "":
		return nil
	case fn.Lang == "dockerfile":
		return []string{"lang: dockerfile"}
	}
	t, err := stackfile.ReadTemplate(in.File.Dir, fn.Lang)
	if err != nil {
		return nil // said by the deployment
	}
	if _, err := os.Stat(filepath.Join(t.Dir, "build.sh")); err != nil {
		return []string{"template/" + fn.Lang + " has no build.sh"}
	}
	return nil
}

// loopbackEnv leaves out the gateway's own port in a store, which containers are
// led to.
func loopbackEnv(in Input, t Target, fn *stackfile.Function) (list []string) {
	for _, k := range slices.Sorted(maps.Keys(fn.Environment)) {
		u, err := url.Parse(fn.Environment[k])
		if err == nil && u.Scheme != "" && loopback(u.Hostname()) && (t != Docker || u.Port() != strconv.Itoa(in.GatewayPort)) {
			list = append(list, k)
		}
	}
	return list
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

func fprocessEnv(_ Input, _ Target, fn *stackfile.Function) []string {
	if _, ok := fn.Environment["fprocess"]; ok {
		return []string{"environment.fprocess"}
	}
	return nil
}

func scaleFactor(_ Input, _ Target, fn *stackfile.Function) []string {
	v, ok := fn.Labels["com.openfaas.scale.factor"]
	if n, err := strconv.Atoi(v); ok && err == nil && (n <= 0 || n > 100) {
		return []string{v}
	}
	return nil
}

// duration reads what of-watchdog reads: Go's syntax or seconds.
func duration(v string) (time.Duration, bool) {
	if n, err := strconv.Atoi(v); err == nil {
		return time.Duration(n) * time.Second, true
	}
	d, err := time.ParseDuration(v)
	return d, err == nil
}

// The limits of faasd CE as it is installed.
const (
	faasdCall  = 60 * time.Second // service_timeout
	faasdGrace = 30 * time.Second
	// defaultTimeout is of-watchdog's and of the store's template.
	defaultTimeout = 30 * time.Second
)

func longTimeout(_ Input, _ Target, fn *stackfile.Function) []string {
	v, ok := fn.Environment["exec_timeout"]
	if d, valid := duration(v); ok && valid && d > faasdCall {
		return []string{"exec_timeout: " + v}
	}
	return nil
}

func timeouts(_ Input, _ Target, fn *stackfile.Function) (list []string) {
	of := func(key string) time.Duration {
		v, ok := fn.Environment[key]
		if !ok {
			return defaultTimeout
		}
		d, valid := duration(v)
		if !valid {
			list = append(list, fmt.Sprintf("%s: %q is not a duration", key, v))
			return defaultTimeout
		}
		return d
	}
	exec := of("exec_timeout")
	for _, key := range []string{"read_timeout", "write_timeout"} {
		if d := of(key); d < exec {
			list = append(list, fmt.Sprintf("%s %s is shorter than exec_timeout %s", key, d, exec))
		}
	}
	return list
}

func slowDrain(_ Input, _ Target, fn *stackfile.Function) []string {
	v, ok := fn.Environment["healthcheck_interval"]
	if !ok {
		v = fn.Environment["write_timeout"]
	}
	if d, valid := duration(v); valid && d >= faasdGrace {
		return []string{v}
	}
	return nil
}

func loopbackRegistry(_ Input, _ Target, fn *stackfile.Function) []string {
	host, _, found := strings.Cut(fn.Image, "/")
	name, _, _ := strings.Cut(host, ":")
	if found && loopback(name) {
		return []string{fn.Image}
	}
	return nil
}

// annotated finds annotations by their names; one that ends with a dot stands
// for all that begin with it.
func annotated(names ...string) func(Input, Target, *stackfile.Function) []string {
	return func(_ Input, _ Target, fn *stackfile.Function) []string { return named(fn.Annotations, names...) }
}

func named(m map[string]string, names ...string) (list []string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		for _, n := range names {
			if k == n || strings.HasSuffix(n, ".") && strings.HasPrefix(k, n) {
				list = append(list, k)
				break
			}
		}
	}
	return list
}

func scaling(_ Input, _ Target, fn *stackfile.Function) []string {
	return append(named(fn.Labels, "com.openfaas.scale."), named(fn.Annotations, "fnstore.scale.")...)
}

func labels(_ Input, _ Target, fn *stackfile.Function) (list []string) {
	for _, k := range slices.Sorted(maps.Keys(fn.Labels)) {
		if !strings.HasPrefix(k, "com.openfaas.scale.") {
			list = append(list, k)
		}
	}
	return list
}

func cpuLimit(_ Input, _ Target, fn *stackfile.Function) []string {
	if fn.Limits == nil || fn.Limits.CPU == "" {
		return nil
	}
	return []string{fn.Limits.CPU}
}

func noMemoryLimit(_ Input, _ Target, fn *stackfile.Function) []string {
	if fn.Limits == nil || fn.Limits.Memory == "" {
		return []string{"no limit"}
	}
	return nil
}

func requests(_ Input, _ Target, fn *stackfile.Function) []string {
	if fn.Requests == nil || *fn.Requests == (stackfile.Resources{}) {
		return nil
	}
	return []string{strings.TrimSpace(fn.Requests.Memory + " " + fn.Requests.CPU)}
}

func constraints(_ Input, _ Target, fn *stackfile.Function) []string { return fn.Constraints }

func readOnly(_ Input, _ Target, fn *stackfile.Function) []string {
	if fn.ReadOnlyRootFilesystem {
		return []string{"true"}
	}
	return nil
}

func fprocess(_ Input, _ Target, fn *stackfile.Function) []string {
	if fn.Fprocess == "" {
		return nil
	}
	return []string{fn.Fprocess}
}
