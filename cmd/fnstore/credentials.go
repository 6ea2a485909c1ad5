package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fnstore/runtime/secrets"
)

// adminUser is the operator at the gateway, as in OpenFaaS.
const adminUser = "admin"

// credentials are the store's own, made at the first start. They lie beside the
// functions' secrets and not among them, so that no function can ask for them.
type credentials struct {
	dir string
}

// get reads a credential, or makes it.
func (c credentials) get(name string) (string, error) {
	path := c.path(name)
	b, err := os.ReadFile(path)
	if err == nil && len(b) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !os.IsNotExist(err) {
		return "", fmt.Errorf("read credential: %w", err)
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return "", fmt.Errorf("make credential: %w", err)
	}
	value := secrets.Random()
	if err := secrets.WriteFile(path, []byte(value), 0o600); err != nil {
		return "", fmt.Errorf("make credential: %w", err)
	}
	return value, nil
}

func (c credentials) path(name string) string { return filepath.Join(c.dir, name) }

// The names of the credentials.
const (
	gatewayPassword = "gateway-password"
	s3AdminSecret   = "s3-admin-secret"
)

// s3Admin is the access key of people and scripts.
const s3Admin = "fnstore-admin"
