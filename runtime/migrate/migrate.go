// Package migrate brings the database to what this version of the store needs,
// and gives each function a schema and a login of its own that may do what its
// grants.sql says and nothing else. It never drops data. It does not know what
// the tables mean.
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql's driver "pgx", for goose
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"fnstore/kit/fault"
)

// Source is one owner of tables: a package of kit or runtime. Its migrations
// are goose's SQL files; its versions are counted apart from everyone else's.
type Source struct {
	Name string // lower case letters, digits and underscores
	FS   fs.FS  // the folder that holds the files
}

// Apply runs what was not run yet, as the owner, one instance at a time: an
// advisory lock makes the others wait. It returns how many files it ran.
func Apply(ctx context.Context, ownerURL string, sources []Source) (ran int, err error) {
	db, err := sql.Open("pgx", ownerURL)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	defer db.Close()
	var ok bool
	if err := db.QueryRowContext(ctx, `select has_database_privilege(current_database(), 'create')`).Scan(&ok); err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	if !ok {
		return 0, fault.New(fault.Unprocessable, "database_rights",
			"the user of the database's URL may not make schemas there: grant create on database NAME to USER")
	}
	// In one transaction: "if not exists" alone fails when two look at once.
	if _, err := db.ExecContext(ctx, `do $$ begin
    perform pg_advisory_xact_lock(hashtextextended('migrate.apply', 0));
    create schema if not exists migration;
end $$`); err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	for _, s := range sources {
		n, err := apply(ctx, db, s.FS, "migration."+s.Name)
		if ran += n; err != nil {
			return ran, fmt.Errorf("migrate %s: %w", s.Name, err)
		}
	}
	return ran, nil
}

// apply runs the files of one folder whose versions the table does not have.
func apply(ctx context.Context, db *sql.DB, files fs.FS, table string) (int, error) {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return 0, err
	}
	store, err := database.NewStore(database.DialectPostgres, table)
	if err != nil {
		return 0, err
	}
	p, err := goose.NewProvider("", db, files, goose.WithStore(store), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if errors.Is(err, goose.ErrNoMigrations) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	results, err := p.Up(ctx)
	return len(results), err
}

// ClosePublic takes from everyone what Postgres gives to everyone in this
// database, so that a role has what it was granted by name. It is for a database
// that is the store's alone: in somebody else's, others rely on PUBLIC.
func ClosePublic(ctx context.Context, ownerURL string) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("revoke from public: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var name string
	if err := conn.QueryRow(ctx, `select current_database()`).Scan(&name); err != nil {
		return fmt.Errorf("revoke from public: %w", err)
	}
	_, err = conn.Exec(ctx, `revoke all on schema public from public; revoke all on database `+pgx.Identifier{name}.Sanitize()+` from public`)
	if err != nil {
		return fmt.Errorf("revoke from public: %w", err)
	}
	return nil
}
