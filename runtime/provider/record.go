package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/runtime/secrets"
)

// record is what is remembered of a function across restarts.
type record struct {
	Deployment types.FunctionDeployment `json:"deployment"`
	Digest     string                   `json:"digest"`
	Replicas   int                      `json:"replicas"`
	UID        int                      `json:"uid,omitempty"`
	CreatedAt  time.Time                `json:"created_at"`
	Previous   []version                `json:"previous,omitempty"` // newest first
}

// pinned names the image by what it was when it was deployed: a tag that has
// moved since must not change what a restart runs.
func (r record) pinned() string {
	image, _, _ := strings.Cut(r.Deployment.Image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		image = image[:i]
	}
	return image + "@" + r.Digest
}

// home is the folder of what the function has on this machine.
func (p *Provider) home(r record) string { return filepath.Join(p.cfg.RunDir, r.Deployment.Service) }

func (r record) save(dir string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("record %s: %w", r.Deployment.Service, err)
	}
	if err := secrets.WriteFile(filepath.Join(dir, r.Deployment.Service+".json"), b, 0o600); err != nil {
		return fmt.Errorf("record %s: %w", r.Deployment.Service, err)
	}
	return nil
}

func removeRecord(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name+".json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget %s: %w", name, err)
	}
	return nil
}

func loadRecords(dir string) ([]*record, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var list []*record
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		r := &record{}
		if err := json.Unmarshal(b, r); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// The user ids given to functions: the range that systemd sets aside for ids
// made on the fly (systemd.exec, DynamicUser=), which no account has.
const (
	firstUID = 61184
	lastUID  = 65519
)

// freeUID finds an id that no function has. Each keeps its own, so one can
// neither read the other's secrets nor signal it.
func freeUID(records []*record) (int, error) {
	taken := map[int]bool{}
	for _, r := range records {
		taken[r.UID] = true
	}
	for uid := firstUID; uid <= lastUID; uid++ {
		if !taken[uid] {
			return uid, nil
		}
	}
	return 0, fault.New(fault.Unprocessable, "too_many_functions", "every user id for functions is in use; remove a function")
}
