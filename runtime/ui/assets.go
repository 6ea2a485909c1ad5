package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"fnstore/kit/fault"
)

//go:embed page.html messages.html events.html traces.html static
var files embed.FS

// assets are the page and what it loads. Everything static lies in one folder
// named by the hash of all of it: a browser may keep it for ever, and modules
// that import each other by relative path never mix two versions.
type assets struct {
	page   *template.Template
	hash   string
	static map[string][]byte
}

// types are the media types by extension; the machine's own table may differ.
var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func openAssets() (*assets, error) {
	a := &assets{static: map[string][]byte{}}
	sum := sha256.New()
	entries, err := fs.ReadDir(files, "static") // sorted by name
	if err != nil {
		return nil, fmt.Errorf("read the page's files: %w", err)
	}
	for _, e := range entries {
		b, err := fs.ReadFile(files, "static/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the page's files: %w", err)
		}
		a.static[e.Name()] = b
		fmt.Fprintf(sum, "%s %d\n", e.Name(), len(b))
		sum.Write(b)
	}
	a.hash = hex.EncodeToString(sum.Sum(nil)[:8])
	a.page, err = template.New("page.html").Funcs(template.FuncMap{"asset": a.url, "parts": parts}).ParseFS(files, "page.html", "messages.html", "events.html", "traces.html")
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	return a, nil
}

// parts cuts an image's name where a narrow page may break it.
func parts(image string) []string { return strings.SplitAfter(image, "/") }

// url is where an asset is found now. A name that is not there is our mistake,
// and ends the rendering.
func (a *assets) url(name string) (string, error) {
	if _, ok := a.static[name]; !ok {
		return "", fmt.Errorf("there is no asset %s", name)
	}
	return "/ui/static/" + a.hash + "/" + name, nil
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	b, ok := a.static[name]
	if !ok || r.PathValue("hash") != a.hash {
		return fault.New(fault.NotFound, "no_asset", "there is no such file in this version of the page")
	}
	h := w.Header()
	h.Set("Content-Type", mediaTypes[path.Ext(name)])
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	h.Set("ETag", `"`+a.hash+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}

// mediaType is v if it is a media type (RFC 9110 section 8.3.1), else that of
// bytes that nobody knows.
func mediaType(v string) string {
	if _, _, err := mime.ParseMediaType(v); err != nil || len(v) > 200 {
		return "application/octet-stream"
	}
	return v
}
