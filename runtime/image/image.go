// Package image makes an OCI image of a function without a container engine,
// and takes the one program out of an image again. It does not know what the
// program does or who runs it.
package image

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"fnstore/runtime/stackfile"
)

// ErrNeedsDocker marks what cannot be built or run without a container engine.
// The text around it says why.
var ErrNeedsDocker = errors.New("needs --backend docker")

// Ref gives the reference under which an image of a stack file is kept in the
// registry at host:port. An image that names another machine keeps that name
// as a folder, one of Docker Hub its path alone; another loopback port is
// taken for this registry, since a stack file is written for the usual one.
func Ref(image, registry string) (string, error) {
	tag, err := name.NewTag(stackfile.Tagged(image))
	if err != nil {
		return "", fmt.Errorf("image %q: %w", image, err)
	}
	repo, host := tag.RepositoryStr(), tag.RegistryStr()
	if host != name.DefaultRegistry && !loopback(host) {
		repo = strings.ReplaceAll(host, ":", "-") + "/" + repo
	}
	kept, err := name.NewTag(registry + "/" + repo + ":" + tag.TagStr())
	if err != nil {
		return "", fmt.Errorf("image %q in registry %s: %w", image, registry, err)
	}
	return kept.Name(), nil
}

// loopback reports whether host, with or without a port, is this machine.
func loopback(host string) bool {
	if i := strings.LastIndex(host, ":"); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// guard is the transport of every request to a registry. The client would
// speak plain HTTP to private networks too; here that ends at this machine.
type guard struct{ next http.RoundTripper }

func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !loopback(r.URL.Host) {
		return nil, fmt.Errorf("registry %s: plain HTTP is for this machine only", r.URL.Host)
	}
	return g.next.RoundTrip(r)
}

// options are those of every request; credentials are Docker's (docker login).
func options(more ...remote.Option) []remote.Option {
	return append([]remote.Option{
		remote.WithTransport(guard{remote.DefaultTransport}),
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithUserAgent("fnstore"),
	}, more...)
}

var validPlatform = regexp.MustCompile(`^linux/(386|amd64|arm|arm64|loong64|ppc64le|riscv64|s390x)(/v[5-8])?$`)

// platform reads "linux/arm/v7"; empty is this machine's.
func platform(s string) (v1.Platform, error) {
	if s == "" {
		s = "linux/" + runtime.GOARCH
	}
	if s == "linux/arm" {
		s = "linux/arm/v7"
	}
	if !validPlatform.MatchString(s) {
		return v1.Platform{}, fmt.Errorf("platform %q is not linux/<architecture>[/v<n>] as Go knows it", s)
	}
	p := strings.Split(s+"/", "/")
	return v1.Platform{OS: p[0], Architecture: p[1], Variant: p[2]}, nil
}
