package provision

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/runtime/migrate"
)

// AnnotationSends names the functions that a function may put messages in for,
// separated by commas.
const AnnotationSends = "fnstore.sends"

// Postgres gives a function that lists the secret NAME-pg a schema and a login of
// its own, applies its migrations and grants, and lets it send messages to those
// that its annotation names.
type Postgres struct {
	Owner string // the owner's URL
	// SQL gives a folder with the function's migrations/ and grants.sql; either
	// may be missing.
	SQL func(ctx context.Context, f Function) (fs.FS, error)
}

// Suffix is pg.
func (p *Postgres) Suffix() string { return "pg" }

// Wants reports whether the function lists NAME-pg.
func (p *Postgres) Wants(f Function) bool { return f.Lists(p.Suffix()) }

// User is the function's role.
func (p *Postgres) User(function string) string { return migrate.RoleName(function) }

// Provide makes the role, the schema and the grants.
func (p *Postgres) Provide(ctx context.Context, f Function, password string) (string, error) {
	targets, err := Targets(f.Annotations[AnnotationSends])
	if err != nil {
		return "", fault.New(fault.Invalid, "bad_annotation", "annotation %s: %s", AnnotationSends, err)
	}
	files, err := p.SQL(ctx, f)
	if err != nil {
		return "", err
	}
	role := migrate.Function{Name: f.Name, Password: password, More: func(ctx context.Context, tx pgx.Tx, role string) error {
		return queue.Allow(ctx, tx, role, f.Name, targets)
	}}
	if _, err := fs.Stat(files, "migrations"); err == nil {
		if role.Migrations, err = fs.Sub(files, "migrations"); err != nil {
			return "", err
		}
	}
	grants, err := fs.ReadFile(files, "grants.sql")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the grants: %w", err)
	}
	role.Grants = string(grants)
	if err := migrate.Provide(ctx, p.Owner, role); err != nil {
		return "", err
	}
	return p.url(f.Name, password)
}

// Rotate changes the password: a role has one. Sessions go on, and kit/pg reads
// the secret again when a new one is refused.
func (p *Postgres) Rotate(ctx context.Context, f Function, _, next string) (string, error) {
	if err := migrate.SetPassword(ctx, p.Owner, f.Name, next); err != nil {
		return "", err
	}
	return p.url(f.Name, next)
}

func (p *Postgres) url(function, password string) (string, error) {
	u, err := url.Parse(p.Owner)
	if err != nil {
		return "", errors.New("the database's URL cannot be read") // the error would quote it
	}
	u.User = url.UserPassword(p.User(function), password)
	return u.String(), nil
}

// Withdraw disables the login and revokes its grants.
func (p *Postgres) Withdraw(ctx context.Context, function string) error {
	return migrate.Withdraw(ctx, p.Owner, function)
}

var targetName = regexp.MustCompile(`^(topic:[A-Za-z0-9][A-Za-z0-9._/-]{0,199}|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$`)

// Targets reads the annotation fnstore.sends: functions' names, and topics as
// topic:NAME, separated by commas.
func Targets(annotation string) (functions []string, err error) {
	for item := range strings.SplitSeq(annotation, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		if !targetName.MatchString(item) {
			return nil, fmt.Errorf("%q is neither a function's name nor topic:NAME", item)
		}
		functions = append(functions, item)
	}
	return functions, nil
}
