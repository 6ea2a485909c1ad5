package function

import (
	"context"
	"strings"
	"unicode/utf8"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/tabular"
)

// general is the table for files whose folder names no table: each row is a
// document there.
const general = "records"

// fileSetting is in the default of a column that keeps the file's id:
// current_setting('process.file_id', true).
const fileSetting = "process.file_id"

// column is one that rows may be put into.
type column struct {
	Name    string `db:"name" json:"name"`
	Type    string `db:"type" json:"type"` // as format_type writes it
	NotNull bool   `db:"not_null" json:"not_null"`
	Default string `db:"default" json:"default,omitempty"` // an expression
	Filled  bool   `db:"filled" json:"filled,omitempty"`   // Postgres alone gives it values
}

// table is what a file goes into.
type table struct {
	name    string
	columns []column // nil for the general one
}

// insertable lists the columns of tables that this function may put rows into.
const insertable = `select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as not_null,
		coalesce(pg_get_expr(d.adbin, d.adrelid), '') as default, a.attidentity <> '' or a.attgenerated <> '' as filled
	from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
	where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and c.relname not in ('` + general + `', 'reject') and ($1 = '' or c.relname = $1)
	and a.attnum > 0 and not a.attisdropped and has_column_privilege(c.oid, a.attnum, 'insert')
	order by c.relname, a.attnum limit 10000`

// tableOf finds the table that the key's folder names: readings for
// incoming/readings/2026/12.csv.
func (a *api) tableOf(ctx context.Context, q pg.Querier, key string) (table, error) {
	folder, _, ok := strings.Cut(strings.TrimPrefix(key, a.prefix), "/")
	if !ok || !strings.HasPrefix(key, a.prefix) || folder == "" {
		return table{name: general}, nil
	}
	list, err := pg.All[struct {
		Table string
		column
	}](ctx, q, insertable, folder)
	if err != nil {
		return table{}, err
	}
	t := table{name: folder}
	for _, row := range list {
		t.columns = append(t.columns, row.column)
	}
	if t.columns == nil {
		t.name = general
	}
	return t, nil
}

// bind finds a column for each field of a header, or for the members of objects
// when header is nil. A column with a default is the file's when the header names
// it: no object of JSON does so once for all. One that is filled, keeps the
// file's id or has a type that is not read is Postgres' own.
func (t table) bind(header []string) (*tabular.Binding, error) {
	if t.columns == nil {
		return tabular.BindWhole(header), nil
	}
	named := map[string]bool{}
	for _, name := range header {
		named[fold(name)] = true
	}
	var list []tabular.Column
	for _, c := range t.columns {
		if c.Filled || strings.Contains(c.Default, fileSetting) || c.Default != "" && !named[fold(c.Name)] {
			continue
		}
		one := tabular.Column{Name: c.Name, Type: c.Type, NotNull: c.NotNull}
		if _, err := tabular.Bind(tabular.Table{Columns: []tabular.Column{one}}, nil); err == nil {
			list = append(list, one)
		} else if c.NotNull && c.Default == "" {
			return nil, fault.New(fault.Unprocessable, "unsupported_column", "no file can be put into %s: its column %s may not be null and is of type %s", t.name, c.Name, c.Type)
		}
	}
	if list == nil {
		return nil, fault.New(fault.Unprocessable, "no_known_column", "the table %s has no column for a file", t.name)
	}
	return tabular.Bind(tabular.Table{Columns: list}, header)
}

// copySQL is the statement that takes what the binding makes.
func (t table) copySQL(columns []string) string {
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = quote(name)
	}
	return `copy ` + quote(t.name) + ` (` + strings.Join(quoted, ", ") + `) from stdin`
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// fold makes names equal that differ in the case of ASCII letters.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.TrimSpace(name))
}

// kept reports whether Postgres can keep a text.
func kept(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
