package registry

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func open(t *testing.T, dir string) (*Registry, string) {
	t.Helper()
	g, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	return g, strings.TrimPrefix(srv.URL, "http://")
}

func ref(t *testing.T, s string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func image(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(10_000, 3)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// whole reads everything of an image; the client checks each digest.
func whole(img v1.Image) error {
	if _, err := img.ConfigFile(); err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		rc, err := l.Compressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, rc)
		rc.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func wholeIndex(t *testing.T, idx v1.ImageIndex) {
	t.Helper()
	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Manifests {
		img, err := idx.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := whole(img); err != nil {
			t.Error(err)
		}
	}
}

func pull(t *testing.T, r name.Reference) v1.Hash {
	t.Helper()
	img, err := remote.Image(r)
	if err != nil {
		t.Fatalf("pull %s: %v", r, err)
	}
	if err := whole(img); err != nil {
		t.Fatalf("pull %s: %v", r, err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRegistry_PushReopenPull(t *testing.T) {
	dir := t.TempDir()
	_, host := open(t, dir)
	img := image(t)
	want, _ := img.Digest()
	if err := remote.Write(ref(t, host+"/fnstore/hello:dev"), img); err != nil {
		t.Fatal(err)
	}
	_, host = open(t, dir) // another process, as far as the folder can tell
	for _, r := range []string{":dev", "@" + want.String()} {
		if got := pull(t, ref(t, host+"/fnstore/hello"+r)); got != want {
			t.Errorf("%s: got %s, want %s", r, got, want)
		}
	}
}

func TestRegistry_IndexesTagsAndCatalog(t *testing.T) {
	_, host := open(t, t.TempDir())
	idx, err := random.Index(1000, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref(t, host+"/a/multi:v1"), idx); err != nil {
		t.Fatal(err)
	}
	img := image(t)
	for _, tag := range []string{"v3", "v1", "v2"} {
		if err := remote.Write(ref(t, host+"/a/one:"+tag), img); err != nil {
			t.Fatal(err)
		}
	}
	if err := remote.Write(ref(t, host+"/b:v1"), img); err != nil { // mounts what a/one has
		t.Fatal(err)
	}
	got, err := remote.Index(ref(t, host+"/a/multi:v1"))
	if err != nil {
		t.Fatal(err)
	}
	wholeIndex(t, got)
	repo := ref(t, host+"/a/one:v1").Context()
	if tags, err := remote.List(repo, remote.WithPageSize(2)); err != nil || strings.Join(tags, " ") != "v1 v2 v3" {
		t.Errorf("tags: got %v, %v", tags, err)
	}
	if repos, err := remote.Catalog(t.Context(), repo.Registry, remote.WithPageSize(1)); err != nil || strings.Join(repos, " ") != "a/multi a/one b" {
		t.Errorf("catalog: got %v, %v", repos, err)
	}
	digest, _ := img.Digest()
	if err := remote.Delete(ref(t, host+"/a/one:v2")); err != nil {
		t.Fatal(err)
	}
	pull(t, ref(t, host+"/a/one:v1"))
	if err := remote.Delete(ref(t, host+"/a/one@"+digest.String())); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(ref(t, host+"/a/one:v1")); err == nil {
		t.Error("a tag outlived its manifest")
	}
	pull(t, ref(t, host+"/b:v1"))
}

func send(t *testing.T, method, url, contentType, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func digestOf(s string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }

func TestRegistry_ChunkedUpload(t *testing.T) {
	g, host := open(t, t.TempDir())
	base := "http://" + host
	resp, _ := send(t, "POST", base+"/v2/a/blobs/uploads/", "", "")
	at := base + resp.Header.Get("Location")
	if resp, _ = send(t, "PATCH", at, "", "hello "); resp.StatusCode != 202 || resp.Header.Get("Range") != "0-5" {
		t.Fatalf("got %d, %v", resp.StatusCode, resp.Header)
	}
	req, _ := http.NewRequest("PATCH", at, strings.NewReader("xx"))
	req.Header.Set("Content-Range", "9-10")
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 416 {
		t.Fatalf("a chunk with a gap before it: got %v, %v", resp.Status, err)
	}
	if resp, _ = send(t, "GET", at, "", ""); resp.StatusCode != 204 || resp.Header.Get("Range") != "0-5" {
		t.Errorf("progress: got %d, %v", resp.StatusCode, resp.Header)
	}
	if resp, _ = send(t, "PUT", at+"?digest="+digestOf("hello world"), "", "world"); resp.StatusCode != 201 {
		t.Errorf("got %d", resp.StatusCode)
	}
	if _, body := send(t, "GET", base+"/v2/a/blobs/"+digestOf("hello world"), "", ""); body != "hello world" {
		t.Errorf("got %q", body)
	}
	g.MaxBlob = 10
	for i := range g.MaxUploads {
		resp, _ = send(t, "POST", base+"/v2/a/blobs/uploads/", "", "")
		if i == 0 {
			at = base + resp.Header.Get("Location")
		}
	}
	if resp, _ = send(t, "POST", base+"/v2/a/blobs/uploads/", "", ""); resp.StatusCode != 429 {
		t.Errorf("one upload too many: got %d", resp.StatusCode)
	}
	if resp, _ = send(t, "PATCH", at, "", "eleven byte"); resp.StatusCode != 413 {
		t.Errorf("one byte too many: got %d", resp.StatusCode)
	}
}

func TestRegistry_WhatIsRefused(t *testing.T) {
	g, host := open(t, t.TempDir())
	base := "http://" + host + "/v2/"
	const manifest = "application/vnd.oci.image.manifest.v1+json"
	config := `{}`
	if resp, _ := send(t, "POST", base+"a/blobs/uploads/?digest="+digestOf(config), "", config); resp.StatusCode != 201 {
		t.Fatalf("push in one request: got %d", resp.StatusCode)
	}
	good := `{"schemaVersion":2,"mediaType":"` + manifest + `","config":{"digest":"` + digestOf(config) + `"},"layers":[]}`
	for _, c := range []struct {
		what, method, path, contentType, body string
		status                                int
		code                                  string
	}{
		{"wrong digest", "POST", "a/blobs/uploads/?digest=" + digestOf("x"), "", "y", 400, "DIGEST_INVALID"},
		{"other algorithm", "POST", "a/blobs/uploads/?digest=md5:00", "", "y", 400, "DIGEST_INVALID"},
		{"unknown upload", "PATCH", "a/blobs/uploads/aaaaaaaaaaaaaaaaaaaaaaaaaa", "", "y", 404, "BLOB_UPLOAD_UNKNOWN"},
		{"upload that climbs", "PATCH", "a/blobs/uploads/..%2f..%2fx", "", "y", 404, "UNSUPPORTED"},
		{"name that climbs", "PUT", "..%2f..%2fx/manifests/v1", manifest, good, 400, "NAME_INVALID"},
		{"name with capitals", "GET", "A/manifests/v1", "", "", 400, "NAME_INVALID"},
		{"bad tag", "PUT", "a/manifests/.v1", manifest, good, 400, "MANIFEST_INVALID"},
		{"not JSON", "PUT", "a/manifests/v1", manifest, "{", 400, "MANIFEST_INVALID"},
		{"other type", "PUT", "a/manifests/v1", "application/json", good, 400, "MANIFEST_INVALID"},
		{"missing blob", "PUT", "a/manifests/v1", manifest, `{"config":{"digest":"` + digestOf("z") + `"}}`, 404, "MANIFEST_BLOB_UNKNOWN"},
		{"digest as path", "PUT", "a/manifests/v1", manifest, `{"config":{"digest":"sha256:../../x"}}`, 400, "MANIFEST_INVALID"},
		{"missing part", "PUT", "a/manifests/v1", "application/vnd.oci.image.index.v1+json", `{"manifests":[{"digest":"` + digestOf("z") + `"}]}`, 404, "MANIFEST_UNKNOWN"},
		{"digest of another", "PUT", "a/manifests/" + digestOf("z"), manifest, good, 400, "DIGEST_INVALID"},
		{"too long", "PUT", "a/manifests/v1", manifest, strings.Repeat(" ", maxManifest) + good, 413, "SIZE_INVALID"},
		{"unknown manifest", "GET", "a/manifests/v1", "", "", 404, "MANIFEST_UNKNOWN"},
		{"unknown blob", "GET", "a/blobs/" + digestOf("z"), "", "", 404, "BLOB_UNKNOWN"},
		{"unknown repository", "GET", "a/tags/list", "", "", 404, "NAME_UNKNOWN"},
		{"delete a blob", "DELETE", "a/blobs/" + digestOf(config), "", "", 405, "UNSUPPORTED"},
		{"elsewhere", "GET", "a", "", "", 404, "UNSUPPORTED"},
	} {
		resp, body := send(t, c.method, base+c.path, c.contentType, c.body)
		if resp.StatusCode != c.status || !strings.Contains(body, `"`+c.code+`"`) {
			t.Errorf("%s: got %d %s, want %d %s", c.what, resp.StatusCode, body, c.status, c.code)
		}
	}
	req, _ := http.NewRequest("POST", base+"a/blobs/uploads/", nil)
	req.Header.Set("Origin", "https://example.com")
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 403 {
		t.Errorf("a web page: got %v, %v", resp.Status, err)
	}
	if err := filepath.WalkDir(g.dir, func(path string, d os.DirEntry, err error) error {
		if strings.HasPrefix(d.Name(), ".new-") {
			t.Errorf("%s was left behind", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func FuzzServe(f *testing.F) {
	for _, s := range []string{"GET /v2/", "PUT /v2/a/manifests/v1", "POST /v2/a/blobs/uploads/?digest=sha256:00", "GET /v2/a/b/tags/list?n=-1", "PATCH /v2/a/blobs/uploads/x", "DELETE /v2/../manifests/.."} {
		f.Add(s, []byte(`{"config":{"digest":"sha256:x"},"manifests":[null]}`))
	}
	g, err := Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	outside, err := os.ReadDir(filepath.Dir(g.dir))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line string, body []byte) {
		method, url, _ := strings.Cut(line, " ")
		req, err := http.NewRequest(method, url, bytes.NewReader(body))
		if err != nil || !strings.HasPrefix(url, "/") {
			return
		}
		req.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w := httptest.NewRecorder()
		g.ServeHTTP(w, req)
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%s: %s", line, w.Body)
		}
		if now, err := os.ReadDir(filepath.Dir(g.dir)); err != nil || len(now) != len(outside) {
			t.Errorf("%s wrote outside its folder", line)
		}
	})
}
