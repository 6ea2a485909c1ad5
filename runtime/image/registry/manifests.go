package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
)

var (
	errNameUnknown     = &failure{http.StatusNotFound, "NAME_UNKNOWN", "no such repository"}
	errManifestUnknown = &failure{http.StatusNotFound, "MANIFEST_UNKNOWN", "no such manifest"}
	errReference       = &failure{http.StatusBadRequest, "MANIFEST_INVALID", "neither a tag nor a sha256 digest"}
)

// manifest serves /v2/<name>/manifests/<tag or digest>.
func (g *Registry) manifest(w http.ResponseWriter, r *http.Request, name, ref string) error {
	if !validDigest.MatchString(ref) && !validTag.MatchString(ref) {
		return errReference
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return g.read(w, r, name, ref)
	case http.MethodPut:
		return g.put(w, r, name, ref)
	case http.MethodDelete:
		return g.forget(w, name, ref)
	}
	return errMethod
}

// resolve gives the digest and media type of a tag or digest in a repository.
func (g *Registry) resolve(name, ref string) (digest, mediaType string, err error) {
	digest = ref
	if !validDigest.MatchString(ref) {
		b, err := os.ReadFile(g.repo(name, "_tags", ref))
		if err != nil {
			return "", "", errManifestUnknown
		}
		digest = string(b)
	}
	b, err := os.ReadFile(g.link(name, digest))
	if err != nil {
		return "", "", errManifestUnknown
	}
	return digest, string(b), nil
}

func (g *Registry) link(name, digest string) string {
	return g.repo(name, "_manifests", strings.TrimPrefix(digest, "sha256:"))
}

func (g *Registry) read(w http.ResponseWriter, r *http.Request, name, ref string) error {
	digest, mediaType, err := g.resolve(name, ref)
	if err != nil {
		return err
	}
	body, err := os.ReadFile(g.blobPath(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return errManifestUnknown
	} else if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Docker-Content-Digest", digest)
	h.Set("Etag", `"`+digest+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return nil
}

// put takes a manifest whose parts are all here: a reader never finds one that
// cannot be pulled. The content is written before its link, the link before
// the tag.
func (g *Registry) put(w http.ResponseWriter, r *http.Request, name, ref string) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxManifest))
	if err != nil {
		return &failure{http.StatusRequestEntityTooLarge, "SIZE_INVALID", fmt.Sprintf("a manifest may have %d bytes, and must arrive whole", maxManifest)}
	}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(body))
	isDigest := validDigest.MatchString(ref)
	if isDigest && ref != digest {
		return errDigestDiffers
	}
	parts, err := parse(body)
	if err != nil {
		return err
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || parts.MediaType != "" && parts.MediaType != mediaType {
		return &failure{http.StatusBadRequest, "MANIFEST_INVALID", "the Content-Type is not the manifest's mediaType"}
	}
	g.mu.RLock() // nothing that was found here may go before the link is written
	defer g.mu.RUnlock()
	for _, d := range parts.blobs() {
		if !g.has(d) {
			return &failure{http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN", "the manifest names a blob that is not here: " + d}
		}
	}
	for _, m := range parts.Manifests {
		if _, _, err := g.resolve(name, m.Digest); err != nil {
			return &failure{http.StatusNotFound, "MANIFEST_UNKNOWN", "the index names a manifest that is not here: " + m.Digest}
		}
	}
	if err := write(g.blobPath(digest), body); err != nil {
		return err
	}
	if err := write(g.link(name, digest), []byte(mediaType)); err != nil {
		return err
	}
	if !isDigest {
		if err := write(g.repo(name, "_tags", ref), []byte(digest)); err != nil {
			return err
		}
	}
	w.Header().Set("Location", "/v2/"+name+"/manifests/"+digest)
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// forget removes a tag, or a manifest with the tags that name it. The content
// goes with the next Collect.
func (g *Registry) forget(w http.ResponseWriter, name, ref string) error {
	digest, _, err := g.resolve(name, ref)
	if err != nil {
		return err
	}
	tags := []string{ref}
	if ref == digest {
		if tags, err = g.tagsOf(name, digest); err != nil {
			return err
		}
	}
	for _, t := range tags { // tags first: none may name what is gone
		if err := os.Remove(g.repo(name, "_tags", t)); err != nil {
			return err
		}
	}
	if ref == digest {
		if err := os.Remove(g.link(name, digest)); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// descriptor is what is read here of an OCI content descriptor.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
}

// parts is what a manifest or an index (OCI image-spec) refers to.
type parts struct {
	MediaType string       `json:"mediaType"`
	Config    *descriptor  `json:"config"`
	Layers    []descriptor `json:"layers"`
	Manifests []descriptor `json:"manifests"`
}

func parse(body []byte) (p parts, err error) {
	if json.Unmarshal(body, &p) != nil || p.Config == nil && p.Manifests == nil {
		return p, &failure{http.StatusBadRequest, "MANIFEST_INVALID", "neither an image manifest nor an index"}
	}
	for _, d := range append(p.blobs(), digests(p.Manifests)...) {
		if !validDigest.MatchString(d) {
			return p, &failure{http.StatusBadRequest, "MANIFEST_INVALID", "the manifest holds a digest that is not sha256"}
		}
	}
	return p, nil
}

// blobs are the digests that must be here; layers that may not be distributed
// live elsewhere.
func (p parts) blobs() []string {
	var kept []descriptor
	for _, l := range p.Layers {
		if !strings.Contains(l.MediaType, "foreign") && !strings.Contains(l.MediaType, "nondistributable") {
			kept = append(kept, l)
		}
	}
	if p.Config != nil {
		kept = append(kept, *p.Config)
	}
	return digests(kept)
}

func digests(list []descriptor) (all []string) {
	for _, d := range list {
		all = append(all, d.Digest)
	}
	return all
}
