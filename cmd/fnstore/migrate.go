package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"fnstore/kit/queue"
	"fnstore/runtime/migrate"
	"fnstore/runtime/objects"
	"fnstore/runtime/secrets"
	"fnstore/runtime/stackfile"
)

type migrateCmd struct{}

// Run migrates the database that FNSTORE_POSTGRES_URL names, or the running
// store's.
func (migrateCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	owner := s.Postgres
	if owner == "" {
		vars, err := readEnv(s.path("env"))
		if err != nil {
			return err
		}
		owner = vars["POSTGRES_URL"]
	}
	if _, err := s.openState(); err != nil {
		return err
	}
	vault, err := secrets.Open(s.path("secrets"))
	if err != nil {
		return err
	}
	file, err := s.stackFile("")
	if err != nil {
		return err
	}
	ran, err := migrateAll(ctx, owner, file, vault)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d migrations applied, %d roles made\n", ran, len(file.Functions))
	return err
}

// migrateAll applies every owner's migrations, makes each function's role, and
// writes its secret NAME-pg.
func migrateAll(ctx context.Context, owner string, file *stackfile.File, vault *secrets.Store) (ran int, err error) {
	own := func(name string, dir fs.FS) migrate.Source {
		sub, err := fs.Sub(dir, "migrations")
		if err != nil {
			panic(err) // the folder's name is ours
		}
		return migrate.Source{Name: name, FS: sub}
	}
	sources := []migrate.Source{own("kit_queue", queue.Migrations), own("objects", objects.Migrations)}
	var roles []migrate.Role
	for _, fn := range file.Functions {
		dir := filepath.Join(file.Dir, fn.Handler)
		if _, err := os.Stat(filepath.Join(dir, "migrations")); err == nil {
			sources = append(sources, migrate.Source{Name: "fn_" + strings.ReplaceAll(fn.Name, "-", "_"), FS: os.DirFS(filepath.Join(dir, "migrations"))})
		}
		grants, err := os.ReadFile(filepath.Join(dir, "grants.sql"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("read grants of %s: %w", fn.Name, err)
		}
		password, err := rolePassword(vault, fn.Name, owner)
		if err != nil {
			return 0, err
		}
		roles = append(roles, migrate.Role{Function: fn.Name, Password: password, Grants: string(grants)})
	}
	if ran, err = migrate.Apply(ctx, owner, sources); err != nil {
		return ran, err
	}
	return ran, migrate.Roles(ctx, owner, roles)
}

// rolePassword keeps the password a function has and writes its secret anew,
// since the server may have moved.
func rolePassword(vault *secrets.Store, fn, owner string) (string, error) {
	password := secrets.Random()
	if old, err := vault.Read(fn + "-pg"); err == nil {
		if u, err := url.Parse(string(old)); err == nil {
			if p, ok := u.User.Password(); ok {
				password = p
			}
		}
	}
	u, err := url.Parse(owner)
	if err != nil {
		return "", fmt.Errorf("the database's URL: %w", err)
	}
	u.User = url.UserPassword(migrate.RoleName(fn), password)
	return password, vault.Put(fn+"-pg", []byte(u.String()))
}
