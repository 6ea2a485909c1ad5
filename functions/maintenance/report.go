package function

import (
	"context"
	"time"

	"fnstore/kit/pg"
	"fnstore/kit/s3"
)

// Bounds of a report, which is in memory while it is written.
const (
	maxRows  = 50_000
	maxBytes = 16 << 20 // of all cells
)

// reportable lists the views report_NAME that functions have granted to this one.
const reportable = `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where n.nspname like 'fn\_%' and c.relname like 'report\_%' and c.relkind = 'v'
	and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
	order by 1, 2 limit 1000`

// column is one of a view. A number is a number in a spreadsheet, too.
type column struct {
	Name   string
	Number bool
}

// table is a report as text.
type table struct {
	columns []column
	rows    [][]*string
	more    bool
}

// report writes each report under the day that it is of:
// DAY/FUNCTION/NAME.csv and .html. A second run of the day writes over the first.
func (a *api) report(ctx context.Context) ([]step, error) {
	list, err := pg.All[object](ctx, a.db, reportable)
	if err != nil {
		return nil, err
	}
	client, err := a.store.Client()
	if err != nil {
		return nil, err
	}
	now := a.now().UTC()
	steps := make([]step, 0, len(list))
	for _, o := range list {
		s := o.step()
		if err := a.write(ctx, client, o, now, &s); err != nil {
			s.fail("report", err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (a *api) write(ctx context.Context, client *s3.Client, o object, now time.Time, s *step) error {
	t, err := a.rows(ctx, o)
	if err != nil {
		return err
	}
	s.Rows, s.More = int64(len(t.rows)), t.more
	base := now.Format(time.DateOnly) + "/" + s.Name
	csv, err := t.csv()
	if err != nil {
		return err
	}
	for _, out := range []struct {
		suffix, contentType string
		content             []byte
	}{{".csv", "text/csv; charset=utf-8", csv}, {".html", "text/html; charset=utf-8", t.html(s.Name, now)}} {
		if _, err := client.Put(ctx, a.bucket, base+out.suffix, out.contentType, nil, out.content); err != nil {
			return err
		}
		s.Keys = append(s.Keys, base+out.suffix)
	}
	return nil
}

// rows reads a view as text, in a transaction that can write nothing.
func (a *api) rows(ctx context.Context, o object) (t table, err error) {
	err = a.db.Do(ctx, func(tx pg.Tx) error {
		if _, err := tx.Exec(ctx, `set transaction read only`); err != nil {
			return err
		}
		t = table{}
		size := 0
		var err error
		if t.columns, err = pg.All[column](ctx, tx, `select a.attname as name, t.typcategory = 'N' as number from pg_attribute a join pg_type t on t.oid = a.atttypid
			where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`, o.sql()); err != nil {
			return err
		}
		query := ""
		for i, c := range t.columns {
			if i > 0 {
				query += ", "
			}
			query += quote(c.Name) + "::text"
		}
		rows, err := tx.Query(ctx, `select `+query+` from `+o.sql()+` limit $1`, maxRows+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			row, to := make([]*string, len(t.columns)), make([]any, len(t.columns))
			for i := range row {
				to[i] = &row[i]
			}
			if err := rows.Scan(to...); err != nil {
				return err
			}
			for _, cell := range row {
				if cell != nil {
					size += len(*cell)
				}
			}
			if len(t.rows) == maxRows || size > maxBytes {
				t.more = true
				break
			}
			t.rows = append(t.rows, row)
		}
		rows.Close()
		return rows.Err()
	})
	return t, err
}
