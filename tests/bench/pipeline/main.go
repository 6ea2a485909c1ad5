// Command pipeline measures how fast files become rows: kit/tabular and COPY in
// a process of their own, as a function has them, beside psql's \copy of the same
// file into the same table, and many small files beside a loop of INSERTs. All
// take turns with the store's own Postgres and every default on, and ratios are
// taken within a round. It does not know how rows are read.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/runtime/services"
	"fnstore/tests/bench/report"
)

const section = "pipeline"

// settings of a run.
type settings struct {
	mb     int // of the CSV file
	files  int // small ones
	rounds int
	values bool
}

func main() {
	if len(os.Args) > 1 && jobs[os.Args[1]] != nil {
		if err := work(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	size, _ := strconv.Atoi(os.Getenv("PIPELINE_MB"))
	var set settings
	flag.IntVar(&set.mb, "mb", cmp.Or(size, 1000), "of the CSV file, 0 for none; PIPELINE_MB says it too")
	flag.IntVar(&set.files, "files", 10_000, "small files")
	flag.IntVar(&set.rounds, "rounds", 2, "interleaved rounds")
	flag.BoolVar(&set.values, "values", false, "measure pgx.CopyFrom with Go values too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, set); err != nil {
		fmt.Fprintln(os.Stderr, err)
		report.Print(os.Stdout, report.NotMeasured(section, "what is missing above", err.Error()))
	}
}

func measure(ctx context.Context, set settings) (err error) {
	dir, err := os.MkdirTemp("/tmp", "fnst-pipeline-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	pg, err := services.StartPostgres(ctx, services.Config{Dir: filepath.Join(dir, "pg")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pg.Stop(context.Background())) }()
	b := &bench{settings: set, url: pg.URL(), dir: dir}
	if b.conn, err = pgx.Connect(ctx, b.url); err != nil {
		return err
	}
	defer b.conn.Close(context.Background())
	if set.mb > 0 {
		if err := b.large(ctx); err != nil {
			return err
		}
	}
	return b.small(ctx)
}

// bench is a run with its database and its files.
type bench struct {
	settings
	url, dir string
	conn     *pgx.Conn
}

// result is one load.
type result struct {
	took float64 // seconds
	peak int     // KiB that its process had at most; 0: not known
}

// large loads one large file in each format, in turn with psql.
func (b *bench) large(ctx context.Context) error {
	csv, lines, rows, err := b.write()
	if err != nil {
		return err
	}
	loads := map[string]func() (result, error){
		"psql":   func() (result, error) { return b.psql(ctx, csv) },
		"csv":    func() (result, error) { return b.child(ctx, "load", csv) },
		"ndjson": func() (result, error) { return b.child(ctx, "load", lines) },
	}
	if b.values {
		loads["values"] = func() (result, error) { return b.child(ctx, "values", csv) }
	}
	rates, ratios, peak := map[string][]float64{}, map[string][]float64{}, map[string]int{}
	for round := range b.rounds {
		for _, name := range []string{"psql", "csv", "ndjson", "values"} {
			if loads[name] == nil {
				continue
			}
			r, err := b.load(ctx, rows, loads[name])
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			rates[name] = append(rates[name], float64(rows)/r.took)
			ratios[name] = append(ratios[name], rates[name][round]/rates["psql"][round])
			peak[name] = max(peak[name], r.peak)
		}
	}
	note := func(name string) string {
		return fmt.Sprintf("%.0f rows/s against %.0f rows/s of psql", middle(rates[name]), middle(rates["psql"]))
	}
	report.Print(os.Stdout,
		report.Row{Section: section, What: fmt.Sprintf("CSV of %d MB, typed, rejects on: rows/s of psql \\copy", b.mb), Got: middle(ratios["csv"]), Unit: "×", Least: true, Bar: 0.5, Aim: 0.8, Note: note("csv")},
		report.Row{Section: section, What: "NDJSON of the same rows: rows/s of psql \\copy", Got: middle(ratios["ndjson"]), Unit: "×", Least: true, Bar: 0.35, Note: note("ndjson")},
		report.Row{Section: section, What: "peak memory of the process, CSV", Got: float64(peak["csv"]) / 1024, Unit: "MiB", Bar: 64},
		report.Row{Section: section, What: "peak memory of the process, NDJSON", Got: float64(peak["ndjson"]) / 1024, Unit: "MiB", Bar: 64})
	if b.values {
		report.Print(os.Stdout, report.Row{Section: section, What: "CSV by pgx.CopyFrom with Go values: rows/s of psql \\copy", Got: middle(ratios["values"]), Unit: "×", Least: true, Note: note("values")})
	}
	return errors.Join(os.Remove(csv), os.Remove(lines))
}

// load runs one load into an empty table and counts what came.
func (b *bench) load(ctx context.Context, rows int, load func() (result, error)) (result, error) {
	for _, statement := range []string{"DROP TABLE IF EXISTS orders, rejects", table, rejects, "CHECKPOINT"} {
		if _, err := b.conn.Exec(ctx, statement); err != nil {
			return result{}, err
		}
	}
	began := time.Now()
	r, err := load()
	if err != nil {
		return r, err
	}
	if r.took == 0 {
		r.took = time.Since(began).Seconds()
	}
	var got int
	if err := b.conn.QueryRow(ctx, "SELECT count(*) FROM orders").Scan(&got); err != nil {
		return r, err
	}
	if got != rows {
		return r, fmt.Errorf("%d rows came of %d", got, rows)
	}
	return r, nil
}

func (b *bench) psql(ctx context.Context, file string) (result, error) {
	out, err := exec.CommandContext(ctx, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", b.url, "-c", `\copy orders FROM '`+file+`' WITH (FORMAT csv, HEADER)`).CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("%w: %s", err, out)
	}
	return result{}, nil
}

// small loads many files, a transaction each.
func (b *bench) small(ctx context.Context) error {
	const rowsOfOne = 100
	dir := filepath.Join(b.dir, "small")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for i := range b.files {
		if err := writeFile(filepath.Join(dir, fmt.Sprintf("%05d.csv", i)), func(w *bufio.Writer) {
			_, _ = w.WriteString(head)
			for n := range rowsOfOne {
				rowCSV(w, i*rowsOfOne+n)
			}
		}); err != nil {
			return err
		}
	}
	var ratios, ours, theirs []float64
	for range b.rounds {
		for _, job := range []string{"load", "inserts"} {
			r, err := b.load(ctx, b.files*rowsOfOne, func() (result, error) { return b.child(ctx, job, dir) })
			if err != nil {
				return fmt.Errorf("%s of small files: %w", job, err)
			}
			if job == "load" {
				ours = append(ours, float64(b.files)/r.took)
			} else {
				theirs = append(theirs, float64(b.files)/r.took)
			}
		}
		ratios = append(ratios, ours[len(ours)-1]/theirs[len(theirs)-1])
	}
	report.Print(os.Stdout, report.Row{Section: section, What: fmt.Sprintf("%d files of %d rows, a transaction each: files/s of an INSERT a row", b.files, rowsOfOne),
		Got: middle(ratios), Unit: "×", Least: true, Bar: 3, Note: fmt.Sprintf("%.0f files/s against %.0f files/s", middle(ours), middle(theirs))})
	return nil
}

func middle(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}
