package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"fnstore/connectors/hook"
	"fnstore/kit/idempotency"
	"fnstore/kit/queue"
	"fnstore/runtime/migrate"
	"fnstore/runtime/objects"
	"fnstore/runtime/provision"
	"fnstore/runtime/secrets"
	"fnstore/runtime/stackfile"
)

type migrateCmd struct{}

// Run migrates the database that FNSTORE_POSTGRES_URL names, or the running
// store's, and makes what the stack file's functions need there, from the SQL in
// their handlers' folders. It is for platforms that run functions without the
// store: in a store, all of it follows what is deployed.
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
	if err := generateSecrets(vault); err != nil {
		return err
	}
	file, err := s.stackFile("")
	if err != nil {
		return err
	}
	ran, err := migrateStore(ctx, owner)
	if err != nil {
		return err
	}
	set := provision.New(vault, &provision.Postgres{Owner: owner, SQL: func(_ context.Context, f provision.Function) (fs.FS, error) {
		return os.DirFS(filepath.Join(file.Dir, file.Function(f.Name).Handler)), nil
	}})
	roles := 0
	for _, fn := range file.Functions {
		f := needsOf(fn)
		if !f.Lists("pg") {
			continue
		}
		if err := set.Provide(ctx, f); err != nil {
			return err
		}
		roles++
	}
	_, err = fmt.Fprintf(out, "%d migrations of the store applied, %d functions provided with a role\n", ran, roles)
	return err
}

func needsOf(fn *stackfile.Function) provision.Function {
	return provision.Function{Name: fn.Name, Annotations: fn.Annotations, Secrets: fn.Secrets}
}

// migrateStore applies the migrations of the store's own packages.
func migrateStore(ctx context.Context, owner string) (ran int, err error) {
	own := func(name string, dir fs.FS) migrate.Source {
		sub, err := fs.Sub(dir, "migrations")
		if err != nil {
			panic(err) // the folder's name is ours
		}
		return migrate.Source{Name: name, FS: sub}
	}
	return migrate.Apply(ctx, owner, []migrate.Source{own("kit_queue", queue.Migrations), own("kit_idempotency", idempotency.Migrations), own("objects", objects.Migrations), own("connectors_hook", hook.Migrations)})
}
