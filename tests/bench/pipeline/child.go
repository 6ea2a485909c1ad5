package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/tabular"
)

// jobs are what a child process does with each file, in a transaction.
var jobs = map[string]func(ctx context.Context, tx pgx.Tx, file io.Reader) error{"load": load, "values": values, "inserts": inserts}

// child runs a job in a process of its own, and gives its time, which begins
// when it is connected, and its peak of memory.
func (b *bench) child(ctx context.Context, job, path string) (r result, err error) {
	var out, trouble bytes.Buffer
	cmd := exec.CommandContext(ctx, os.Args[0], job, path, b.url)
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		return r, fmt.Errorf("%w: %s", err, trouble.String())
	}
	_, err = fmt.Sscan(out.String(), &r.took, &r.peak)
	return r, err
}

// work is the child: it does a job with a file, or with each of a folder.
func work(job string, args []string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, args[1])
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	files, err := filepath.Glob(filepath.Join(args[0], "*.csv"))
	if err != nil {
		return err
	}
	if files == nil {
		files = args[:1]
	}
	began := time.Now()
	for _, path := range files {
		if err := one(ctx, conn, path, jobs[job]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	took := time.Since(began)
	peak, err := peakKiB()
	fmt.Println(took.Seconds(), peak)
	return err
}

func one(ctx context.Context, conn *pgx.Conn, path string, job func(context.Context, pgx.Tx, io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return job(ctx, tx, f) })
}

// peakKiB is how much memory this process had at most.
func peakKiB() (int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(peak), " ")
	return strconv.Atoi(kib)
}

// load is ours.
func load(ctx context.Context, tx pgx.Tx, file io.Reader) error {
	r, err := tabular.Open(file, "", "", tabular.Limits{})
	if err != nil {
		return err
	}
	b, err := tabular.Bind(columns, r.Columns())
	if err != nil {
		return err
	}
	statement := "COPY orders (" + strings.Join(b.Columns(), ", ") + ") FROM STDIN"
	for c := tabular.NewCopier(r, b); c.More(); {
		if _, err := tx.Conn().PgConn().CopyFrom(ctx, c, statement); err != nil || c.Err() != nil {
			return errors.Join(c.Err(), err)
		}
		bad := c.Rejects()
		if len(bad) == 0 {
			continue
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"rejects"}, []string{"row", "line", "column", "field", "code", "detail"}, pgx.CopyFromSlice(len(bad), func(i int) ([]any, error) {
			e := bad[i]
			return []any{e.Row, e.Line, e.Column, e.Field, e.Code, e.Detail}, nil
		})); err != nil {
			return err
		}
	}
	return nil
}

// values is what pgx has for COPY: Go values of the columns' types.
func values(ctx context.Context, tx pgx.Tx, file io.Reader) error {
	r := csv.NewReader(file)
	r.ReuseRecord = true
	if _, err := r.Read(); err != nil {
		return err
	}
	row := make([]any, len(columns.Columns))
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"orders"}, names(), pgx.CopyFromFunc(func() ([]any, error) {
		f, err := r.Read()
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		id, e1 := strconv.ParseInt(f[0], 10, 64)
		at, e2 := time.Parse(time.RFC3339, f[2])
		quantity, e3 := strconv.ParseInt(f[5], 10, 32)
		paid, e4 := strconv.ParseBool(f[6])
		weight, e5 := strconv.ParseFloat(f[7], 64)
		row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8] = id, f[1], at, f[3], f[4], int32(quantity), paid, weight, f[8]
		return row, errors.Join(e1, e2, e3, e4, e5)
	}))
	return err
}

// inserts is a loop with a statement a row, which pgx prepares once.
func inserts(ctx context.Context, tx pgx.Tx, file io.Reader) error {
	r := csv.NewReader(file)
	if _, err := r.Read(); err != nil {
		return err
	}
	for {
		f, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		row := make([]any, len(f))
		for i := range f {
			row[i] = f[i]
		}
		if _, err := tx.Exec(ctx, "INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", row...); err != nil {
			return err
		}
	}
}

func names() (list []string) {
	for _, c := range columns.Columns {
		list = append(list, c.Name)
	}
	return list
}
