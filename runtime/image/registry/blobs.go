package registry

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var (
	errBlobUnknown   = &failure{http.StatusNotFound, "BLOB_UNKNOWN", "no such blob"}
	errDigest        = &failure{http.StatusBadRequest, "DIGEST_INVALID", "a digest is sha256: and 64 hexadecimal digits"}
	errDigestDiffers = &failure{http.StatusBadRequest, "DIGEST_INVALID", "the digest is not that of the content"}
	errUpload        = &failure{http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "no such upload; it may have been given up"}
	errRange         = &failure{http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "the chunk does not begin where the last one ended"}
)

// blob serves GET and HEAD of /v2/<name>/blobs/<digest>. Every repository may
// read every blob: there is one owner here. Blobs are removed by Collect alone,
// since several manifests may share one.
func (g *Registry) blob(w http.ResponseWriter, r *http.Request, digest string) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return errMethod
	}
	if !validDigest.MatchString(digest) {
		return errDigest
	}
	if r.Method == http.MethodHead {
		g.touch(digest) // a client that asks will not send it again, so it must stay for a while
	}
	f, err := os.Open(g.blobPath(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return errBlobUnknown
	} else if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Docker-Content-Digest", digest)
	h.Set("Etag", `"`+digest+`"`)
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}

// touch keeps a blob out of Collect's reach for another Grace.
func (g *Registry) touch(digest string) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	now := time.Now()
	_ = os.Chtimes(g.blobPath(digest), now, now) // a missing blob is found missing by the caller
}

func (g *Registry) has(digest string) bool {
	info, err := os.Stat(g.blobPath(digest))
	return err == nil && info.Mode().IsRegular()
}

// upload serves /v2/<name>/blobs/uploads/[id]: POST begins, PATCH appends, PUT
// ends, GET tells how far it is, DELETE gives up.
func (g *Registry) upload(w http.ResponseWriter, r *http.Request, name, id string) error {
	if id == "" {
		if r.Method != http.MethodPost {
			return errMethod
		}
		return g.begin(w, r, name)
	}
	path, size, err := g.claim(id)
	if err != nil {
		return err
	}
	defer g.busy.Delete(id)
	switch r.Method {
	case http.MethodGet:
		progress(w, name, id, size)
		w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodDelete:
		if err := os.Remove(path); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodPatch:
		if size, err = g.append(w, r, path, size); err != nil {
			return err
		}
		progress(w, name, id, size)
		w.WriteHeader(http.StatusAccepted)
		return nil
	case http.MethodPut:
		return g.finish(w, r, name, path, size)
	}
	return errMethod
}

// begin answers POST: a mount of what is here already, a whole blob in one
// request, or the address for the requests to come.
func (g *Registry) begin(w http.ResponseWriter, r *http.Request, name string) error {
	q := r.URL.Query()
	if mount := q.Get("mount"); validDigest.MatchString(mount) && g.has(mount) {
		g.touch(mount)
		created(w, name, mount)
		return nil
	}
	open, err := os.ReadDir(filepath.Join(g.dir, "uploads"))
	if err != nil {
		return err
	}
	if len(open) >= g.MaxUploads {
		return &failure{http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many uploads are open"}
	}
	id := strings.ToLower(rand.Text())
	path := filepath.Join(g.dir, "uploads", id)
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	if q.Get("digest") != "" {
		defer os.Remove(path) // fails when the blob went well
		return g.finish(w, r, name, path, 0)
	}
	progress(w, name, id, 0)
	w.WriteHeader(http.StatusAccepted)
	return nil
}

var validUpload = regexp.MustCompile(`^[a-z0-9]{20,40}$`)

// claim takes an upload for one request; a second one at the same time is
// refused, since chunks have an order.
func (g *Registry) claim(id string) (path string, size int64, err error) {
	if !validUpload.MatchString(id) {
		return "", 0, errUpload
	}
	if _, taken := g.busy.LoadOrStore(id, true); taken {
		return "", 0, &failure{http.StatusConflict, "BLOB_UPLOAD_INVALID", "another request is writing to this upload"}
	}
	path = filepath.Join(g.dir, "uploads", id)
	info, err := os.Stat(path)
	if err != nil {
		g.busy.Delete(id)
		return "", 0, errUpload
	}
	return path, info.Size(), nil
}

// append adds the body to an upload and gives its new size.
func (g *Registry) append(w http.ResponseWriter, r *http.Request, path string, size int64) (int64, error) {
	if cr := r.Header.Get("Content-Range"); cr != "" {
		var from, to int64
		if n, _ := fmt.Sscanf(cr, "%d-%d", &from, &to); n != 2 || from != size || to < from ||
			r.ContentLength >= 0 && r.ContentLength != to-from+1 {
			return 0, errRange
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := io.Copy(f, http.MaxBytesReader(w, r.Body, g.MaxBlob-size))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return 0, &failure{http.StatusRequestEntityTooLarge, "SIZE_INVALID", fmt.Sprintf("a blob may have %d bytes", g.MaxBlob)}
	case errors.Is(err, errNoSpace):
		return 0, err
	case err != nil: // the client's side: what arrived stays, and GET says how much
		return 0, &failure{http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "the body ended early"}
	}
	return size + n, f.Sync()
}

// finish adds the last body, checks the digest and puts the blob in its place.
func (g *Registry) finish(w http.ResponseWriter, r *http.Request, name, path string, size int64) error {
	digest := r.URL.Query().Get("digest")
	if !validDigest.MatchString(digest) {
		return errDigest
	}
	if _, err := g.append(w, r, path, size); err != nil {
		return err
	}
	got, err := sum(path)
	if err != nil {
		return err
	}
	if got != digest {
		_ = os.Remove(path) // no byte of it can be right any more
		return errDigestDiffers
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // its age, for Collect, begins here
	if err := renameDurably(path, g.blobPath(digest)); err != nil {
		return err
	}
	created(w, name, digest)
	return nil
}

func sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil)), nil
}

func progress(w http.ResponseWriter, name, id string, size int64) {
	w.Header().Set("Location", "/v2/"+name+"/blobs/uploads/"+id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(size-1, 0)))
}

func created(w http.ResponseWriter, name, digest string) {
	w.Header().Set("Location", "/v2/"+name+"/blobs/"+digest)
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
}
