package function

import (
	"context"
	"errors"
	"mime"
	"path"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/tabular"
)

// result is what is known of a file once it was read, or as far as it was.
type result struct {
	table    string
	records  int64
	rejected int64
	ignored  []string           // fields of the file for which the table has no column
	bad      []tabular.RowError // of the rejected rows
}

// maxIdle is how long the transaction may wait for the object store. The login's
// own bound is shorter.
const maxIdle = time.Minute

// load puts a file's rows into its table: the rows, those that could not be used
// and the state of the ledger are one transaction. The file is read while it is
// written, so its size does not matter.
func (a *api) load(ctx context.Context, f *file) (r result, err error) {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err = a.db.Do(ctx, func(tx pg.Tx) error {
		stop := a.hold(ctx, cancel, f)
		defer stop()
		r = result{}
		if err := a.prepare(ctx, tx, f); err != nil {
			return err
		}
		if err := a.copy(ctx, tx, f, &r); err != nil {
			return err
		}
		if err := a.reject(ctx, tx, f, r.bad); err != nil {
			return err
		}
		stop() // the row is ours from here to the commit
		return a.finish(ctx, tx, f, r, time.Since(began))
	})
	if err != nil && errors.Is(context.Cause(ctx), errLost) {
		err = errLost
	}
	return r, err
}

// prepare sets what the transaction needs: time for the whole file, and the
// file's id for a column whose default asks for it.
func (a *api) prepare(ctx context.Context, tx pg.Tx, f *file) error {
	left := time.Hour
	if until, ok := ctx.Deadline(); ok {
		left = max(time.Until(until), time.Second)
	}
	_, err := tx.Exec(ctx, `select set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true), set_config('process.file_id', $3, true)`,
		strconv.FormatInt(left.Milliseconds(), 10), strconv.FormatInt(maxIdle.Milliseconds(), 10), f.ID)
	return err
}

// copy reads the object that the ledger speaks of, and no other that has taken
// its key since.
func (a *api) copy(ctx context.Context, tx pg.Tx, f *file, r *result) error {
	client, err := a.store.Client()
	if err != nil {
		return err
	}
	object, err := client.Get(ctx, f.Bucket, f.Key, f.ETag)
	if err != nil {
		return err
	}
	defer object.Close()
	reader, err := tabular.Open(object, f.ContentType, f.Key, tabular.Limits{})
	if err != nil {
		return err
	}
	if reader.Format() == tabular.CSV && calledJSON(f.ContentType, f.Key) {
		// A text without a bracket would be a header without rows, and done.
		return fault.New(fault.Unsupported, "unsupported_format", "the file is called JSON, and neither an array nor an object begins it")
	}
	t, err := a.tableOf(ctx, tx, f.Key)
	if err != nil {
		return err
	}
	r.table = t.name
	binding, err := t.bind(reader.Columns())
	if err != nil {
		return err
	}
	sql := t.copySQL(binding.Columns())
	rows := tabular.NewCopier(reader, binding)
	for rows.More() {
		_, err := tx.Conn().PgConn().CopyFrom(ctx, rows, sql)
		r.records, r.rejected = rows.Rows(), rows.Rejected()
		r.bad = append(r.bad, rows.Rejects()...)
		switch {
		case rows.Err() != nil:
			return rows.Err()
		case err != nil:
			return refused(err)
		case a.policy.tooMany(r.rejected, r.records+r.rejected, false):
			return a.tooManyRejects(r)
		}
	}
	if r.ignored = binding.Ignored(); r.ignored == nil {
		r.ignored = []string{}
	}
	if a.policy.tooMany(r.rejected, r.records+r.rejected, true) || r.rejected > 0 && r.records == 0 {
		return a.tooManyRejects(r)
	}
	return nil
}

// calledJSON reports whether a file says that it is JSON: by its name, or by its
// type where the name says nothing else.
func calledJSON(contentType, key string) bool {
	name := strings.ToLower(path.Base(key))
	for _, packed := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, packed)
	}
	switch path.Ext(name) {
	case ".json", ".ndjson", ".jsonl":
		return true
	case ".csv", ".tsv", ".txt":
		return false
	}
	t, _, _ := mime.ParseMediaType(contentType)
	return strings.HasSuffix(t, "json")
}

func (a *api) tooManyRejects(r *result) error {
	first := r.bad[0]
	if r.records == 0 {
		return fault.New(fault.Unprocessable, "no_usable_row", "none of the rows can be used; the first: %s", first.Error())
	}
	return fault.New(fault.Unprocessable, "too_many_rejects", "%d rows cannot be used, and %s may be; the first: %s", r.rejected, a.policy, first.Error())
}

// refused makes an error of COPY one that a person can act on, where it is about
// the rows: a constraint of the table, or what a trigger raised.
func refused(err error) error {
	code := pg.Code(err)
	for _, class := range []string{"22", "23", "P0"} { // data exception, integrity constraint violation, raised by a trigger
		if strings.HasPrefix(code, class) {
			return fault.New(fault.Unprocessable, "row_refused", "the table refuses a row: %s", strings.TrimPrefix(err.Error(), "ERROR: "))
		}
	}
	return err
}

// reject makes the bad rows of a file exactly these.
func (a *api) reject(ctx context.Context, tx pg.Tx, f *file, bad []tabular.RowError) error {
	if _, err := tx.Exec(ctx, `delete from reject where file_id = $1`, f.ID); err != nil || len(bad) == 0 {
		return err
	}
	bad = bad[:min(len(bad), maxRejects)]
	rows, lines, columns := make([]int64, len(bad)), make([]int64, len(bad)), make([]int64, len(bad))
	fields, codes, details := make([]string, len(bad)), make([]string, len(bad)), make([]string, len(bad))
	for i, b := range bad {
		rows[i], lines[i], columns[i], fields[i], codes[i] = b.Row, int64(b.Line), int64(b.Column), b.Field, b.Code
		details[i] = strings.ToValidUTF8(strings.ReplaceAll(b.Detail, "\x00", "\\0"), "\ufffd")
	}
	_, err := tx.Exec(ctx, `insert into reject (file_id, "row", line, "column", field, code, detail, expires_at)
		select $1, r, l, c, f, k, d, now() + $2 from unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[]) u (r, l, c, f, k, d)`,
		f.ID, a.retention, rows, lines, columns, fields, codes, details)
	return err
}
