package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxPage is how many names one answer lists.
const maxPage = 1000

func (g *Registry) tags(w http.ResponseWriter, r *http.Request, name string) error {
	if r.Method != http.MethodGet {
		return errMethod
	}
	tags, err := names(g.repo(name, "_tags"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(g.repo(name, "_manifests")); err != nil {
		return errNameUnknown
	}
	tags, err = page(w, r, tags)
	if err != nil {
		return err
	}
	return list(w, struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}{name, tags})
}

func (g *Registry) catalog(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return errMethod
	}
	repos, err := g.repositories()
	if err != nil {
		return err
	}
	repos, err = page(w, r, repos)
	if err != nil {
		return err
	}
	return list(w, struct {
		Repositories []string `json:"repositories"`
	}{repos})
}

// repositories are the folders that hold manifests, sorted.
func (g *Registry) repositories() ([]string, error) {
	root := filepath.Join(g.dir, "repos")
	found := []string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		switch d.Name() {
		case "_tags":
			return filepath.SkipDir
		case "_manifests":
			if entries, err := names(path); err != nil {
				return err
			} else if len(entries) > 0 {
				rel, err := filepath.Rel(root, filepath.Dir(path))
				if err != nil {
					return err
				}
				found = append(found, filepath.ToSlash(rel))
			}
			return filepath.SkipDir
		}
		return nil
	})
	slices.Sort(found)
	return found, err
}

// tagsOf are the tags of a repository that name a digest.
func (g *Registry) tagsOf(name, digest string) (tags []string, err error) {
	all, err := names(g.repo(name, "_tags"))
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		b, err := os.ReadFile(g.repo(name, "_tags", t))
		if err != nil {
			return nil, err
		}
		if string(b) == digest {
			tags = append(tags, t)
		}
	}
	return tags, nil
}

// names lists a folder, sorted, without files that are still being written. A
// missing folder is an empty one.
func names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	found := []string{}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			found = append(found, e.Name())
		}
	}
	return found, nil
}

// page cuts a sorted list as n and last ask, and links to the next page.
func page(w http.ResponseWriter, r *http.Request, all []string) ([]string, error) {
	q := r.URL.Query()
	n := maxPage
	if s := q.Get("n"); s != "" {
		v, err := strconv.Atoi(s)
		if err != nil || v < 0 {
			return nil, &failure{http.StatusBadRequest, "UNSUPPORTED", "n must be a number"}
		}
		n = min(v, maxPage)
	}
	from, found := slices.BinarySearch(all, q.Get("last"))
	if found {
		from++
	}
	all = all[from:]
	if n > 0 && len(all) > n {
		all = all[:n]
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {all[n-1]}}
		w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, r.URL.Path, next.Encode()))
	}
	return all[:min(n, len(all))], nil
}

func list(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
	return nil
}
