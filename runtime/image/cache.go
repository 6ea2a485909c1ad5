package image

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// What an unpacked image's folder holds.
const (
	programFile  = "handler"
	zoneinfoFile = "zoneinfo.zip"
	metaFile     = "image.json"

	workdirFolder = "workdir"
)

// meta is what is remembered of an unpacked image.
type meta struct {
	Env  []string `json:"env"`
	User string   `json:"user"`
	Size int64    `json:"size"`

	Workdir bool `json:"workdir,omitempty"` // there is a working directory
	Server  bool `json:"server,omitempty"`  // see Unpacked
}

// useCached is cached for a caller that is about to run it: Sweep leaves it alone
// for its grace.
func useCached(dir, place string, hash v1.Hash) (Unpacked, bool) {
	unlock, err := lockDir(dir, syscall.LOCK_SH)
	if err != nil {
		return Unpacked{}, false // there is no such folder
	}
	defer unlock()
	u, ok := cached(place, hash)
	if ok {
		now := time.Now()
		_ = os.Chtimes(place, now, now) // what cannot be marked may be swept, and is unpacked again
	}
	return u, ok
}

// cached gives what an earlier call unpacked.
func cached(place string, hash v1.Hash) (Unpacked, bool) {
	data, err := os.ReadFile(filepath.Join(place, metaFile))
	if err != nil {
		return Unpacked{}, false
	}
	var m meta
	if json.Unmarshal(data, &m) != nil {
		return Unpacked{}, false
	}
	u := Unpacked{Binary: filepath.Join(place, programFile), Root: place, Server: m.Server, Env: m.Env, User: m.User, Digest: hash.String()}
	if m.Workdir {
		u.Dir = filepath.Join(place, workdirFolder)
		if !exists(u.Dir) {
			return Unpacked{}, false
		}
	}
	info, err := os.Stat(u.Binary)
	if err != nil || info.Size() != m.Size || info.Mode().Perm() != 0o755 {
		return Unpacked{}, false
	}
	if zone := filepath.Join(place, zoneinfoFile); exists(zone) {
		u.Env = append(u.Env, "ZONEINFO="+zone)
	}
	return u, true
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
