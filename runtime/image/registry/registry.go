// Package registry serves an OCI distribution registry (OCI distribution-spec
// 1.1, push, pull, content discovery and content management) from a folder. It
// does not know what an image is for, who may use it, or where it listens.
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// The folder:
//
//	blobs/<hex>                     what was pushed, manifests among it, by SHA-256
//	repos/<name>/_manifests/<hex>   this repository has that manifest; holds its media type
//	repos/<name>/_tags/<tag>        holds a digest
//	uploads/<id>                    a blob on its way in
//
// A file is written elsewhere, synced and renamed, and a name is written after
// what it names; so whenever the process is killed, what is there is whole.

// Registry is an http.Handler to be served at the root of a port. Its fields
// may be changed before it is served.
type Registry struct {
	MaxBlob    int64         // bytes of one blob; 2 GiB
	MaxUploads int           // uploads at a time, abandoned ones included; 256
	Grace      time.Duration // how long Collect leaves the unreferenced alone; an hour
	MaxCollect int           // files that one Collect removes at most; 1,000

	dir  string
	mu   sync.RWMutex // held for writing while Collect removes
	busy sync.Map     // upload ids that a request is writing to
	push pushes
}

// maxManifest is the least limit that the specification asks of a registry.
const maxManifest = 4 << 20

// Open makes the folder when it is missing and forgets uploads that an earlier
// process left behind.
func Open(dir string) (*Registry, error) {
	if err := os.RemoveAll(filepath.Join(dir, "uploads")); err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	for _, sub := range []string{"blobs", "repos", "uploads"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("open registry: %w", err)
		}
	}
	// A file that was being written when the process was killed.
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".new-") {
			return os.Remove(path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	return &Registry{MaxBlob: 2 << 30, MaxUploads: 256, Grace: time.Hour, MaxCollect: 1000, dir: dir}, nil
}

// The grammar of the specification. No component begins with an underscore,
// so _manifests and _tags are never a repository.
var (
	validName   = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	validTag    = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	validDigest = regexp.MustCompile(`^sha256:[a-f0-9]{64}$`)
	route       = regexp.MustCompile(`^/v2/(.+)/(blobs|manifests|tags)/(uploads/)?([^/]*)$`)
)

// ServeHTTP answers the end points of the specification's section "Endpoints".
func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// Clients of a registry are programs. A page in a browser that reaches
	// for a port of this machine says where it comes from.
	if r.Header.Get("Origin") != "" {
		refuse(w, &failure{http.StatusForbidden, "DENIED", "requests of web pages are not served"})
		return
	}
	if err := g.serve(w, r); err != nil {
		refuse(w, err)
	}
}

func (g *Registry) serve(w http.ResponseWriter, r *http.Request) error {
	switch r.URL.Path {
	case "/v2", "/v2/":
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
		return nil
	case "/v2/_catalog":
		return g.catalog(w, r)
	}
	if r.Method != http.MethodGet { // HEAD too: who asks what is here is about to send the rest
		g.push.begin()
		defer g.push.end()
	}
	m := route.FindStringSubmatch(r.URL.Path)
	if m == nil {
		return &failure{http.StatusNotFound, "UNSUPPORTED", "no such end point"}
	}
	name, kind, upload, last := m[1], m[2], m[3] != "", m[4]
	switch {
	case len(name) > 255 || !validName.MatchString(name):
		return &failure{http.StatusBadRequest, "NAME_INVALID", "not a repository's name"}
	case kind == "blobs" && upload:
		return g.upload(w, r, name, last)
	case kind == "blobs":
		return g.blob(w, r, last)
	case kind == "manifests" && !upload:
		return g.manifest(w, r, name, last)
	case kind == "tags" && !upload && last == "list":
		return g.tags(w, r, name)
	}
	return &failure{http.StatusNotFound, "UNSUPPORTED", "no such end point"}
}

// failure is an error of the specification's section "Error Codes".
type failure struct {
	status  int
	code    string
	message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

var errMethod = &failure{http.StatusMethodNotAllowed, "UNSUPPORTED", "this method is not supported here"}

// refuse writes the error; one that is not a failure is ours, and says no more
// than that, since it may hold paths.
func refuse(w http.ResponseWriter, err error) {
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{http.StatusInternalServerError, "UNKNOWN", "the registry cannot read or write its folder"}
		if errors.Is(err, errNoSpace) {
			f = &failure{http.StatusInsufficientStorage, "UNKNOWN", "the disk is full"}
		}
	}
	type entry struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	body, _ := json.Marshal(map[string][]entry{"errors": {{f.code, f.message}}}) // strings: cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}

// repo is the folder of a repository, below it of its manifests or tags.
func (g *Registry) repo(name string, sub ...string) string {
	return filepath.Join(append([]string{g.dir, "repos", filepath.FromSlash(name)}, sub...)...)
}

// blobPath is where a digest's content lies.
func (g *Registry) blobPath(digest string) string {
	return filepath.Join(g.dir, "blobs", strings.TrimPrefix(digest, "sha256:"))
}
