package flow

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
)

// drop puts a file under data/incoming/.
func drop(t *testing.T, key, contentType string, body []byte) {
	t.Helper()
	_, err := bucket(t, shared).PutObject(t.Context(), "data", "incoming/"+key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{ContentType: contentType})
	if err != nil {
		t.Fatalf("drop %s: %v", key, err)
	}
}

// entry is a row of the ledger.
type entry struct {
	FileID, Status         string
	Attempts, Fence, Lines int64
	Code                   string
}

// ledgers asks for a file's rows until the last of them is in this state.
func ledgers(t *testing.T, db *pgx.Conn, key, status string) (list []entry) {
	t.Helper()
	until(t, key+" is "+status, func() bool {
		rows, err := db.Query(t.Context(), `select file_id as fileid, status, attempts, fence, coalesce(record_count, -1) as lines, coalesce(code, '') as code from fn_ingest.file where key = $1 order by seq`, "incoming/"+key)
		if err != nil {
			t.Fatal(err)
		}
		if list, err = pgx.CollectRows(rows, pgx.RowToStructByName[entry]); err != nil {
			t.Fatal(err)
		}
		return len(list) > 0 && list[len(list)-1].Status == status
	})
	return list
}

func one[T any](t *testing.T, db *pgx.Conn, sql string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// peak is the most memory that a process had, in KiB.
func peak(t *testing.T, pid int) (kib int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}

func database(t *testing.T) *pgx.Conn {
	t.Helper()
	db, err := pgx.Connect(t.Context(), shared.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.WithoutCancel(t.Context())) })
	return db
}

// Files that are dropped are rows, whatever their format, once each: equal bytes
// under two keys are two files, a table that is locked and a process that is
// killed in the middle of a file lose and double nothing, and the same event
// again does nothing.
// Seed: R36, R37, R40, R45, B39, B40, B42, B45, B46
func TestPipeline_FilesBecomeRowsOnce(t *testing.T) {
	fits(t)
	db := database(t)
	var csv, ndjson, array strings.Builder
	want := map[string]int{}
	csv.WriteString("at,sensor,value\n")
	for i := range 500 {
		row := fmt.Sprintf("S%d 2026-12-01T00:%02d:%02dZ %d.5", i%7, i/60%60, i%60, i)
		part := strings.Fields(row)
		want[row]++
		fmt.Fprintf(&csv, "%s,%s,%s\n", part[1], part[0], part[2])
		fmt.Fprintf(&ndjson, "{\"value\":%s,\"sensor\":%q,\"at\":%q}\n", part[2], part[0], part[1])
		fmt.Fprintf(&array, ",{\"at\":%q,\"sensor\":%q,\"value\":%q}", part[1], part[0], part[2])
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("[" + array.String()[1:] + "]"))
	_ = z.Close()
	files := map[string][]byte{"readings/flow/a.csv": []byte(csv.String()), "readings/flow/twin.csv": []byte(csv.String()), "readings/flow/b.ndjson": []byte(ndjson.String()), "readings/flow/c.json.gz": packed.Bytes()}
	for key, body := range files {
		drop(t, key, "text/csv; charset=utf-8", body) // which is right of two of them
	}
	for key := range files {
		f := ledgers(t, db, key, "done")
		got := map[string]int{}
		rows, err := db.Query(t.Context(), `select sensor || ' ' || to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || ' ' || value from fn_process.readings where file_id = $1`, f[0].FileID)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range list {
			got[row]++
		}
		if !maps.Equal(got, want) || len(f) != 1 || f[0].Lines != 500 {
			t.Errorf("%s: %d rows that are not those of the file; %+v", key, len(list), f)
		}
	}

	// A table that is locked for a while.
	lock, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), `lock table fn_process.readings in share mode`); err != nil {
		t.Fatal(err)
	}
	drop(t, "readings/flow/late.csv", "", files["readings/flow/a.csv"])
	other := database(t)
	if f := ledgers(t, other, "readings/flow/late.csv", "failed"); f[0].Code != "busy" {
		t.Errorf("%+v", f)
	}
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f := ledgers(t, db, "readings/flow/late.csv", "done"); f[0].Attempts < 2 || f[0].Lines != 500 {
		t.Errorf("%+v", f)
	}

	// A process that is killed in the middle of a file.
	var long strings.Builder
	const many = 400_000
	long.WriteString("sensor,at,value\n")
	for i := range many {
		fmt.Fprintf(&long, "K,2026-12-01T00:00:00Z,%d\n", i)
	}
	drop(t, "readings/flow/long.csv", "text/csv", []byte(long.String()))
	var pids []int
	until(t, "the long file is read", func() bool {
		var at bool
		err := db.QueryRow(t.Context(), `select exists (select from fn_ingest.file where key = 'incoming/readings/flow/long.csv' and status = 'processing')`).Scan(&at)
		pids = processes(t, shared, "process")
		return err == nil && at
	}, time.Millisecond)
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	f := ledgers(t, db, "readings/flow/long.csv", "done")
	if n := one[int](t, db, `select count(distinct value) from fn_process.readings where file_id = $1`, f[0].FileID); len(f) != 1 || f[0].Lines != many || n != many || one[int](t, db, `select count(*) from fn_process.readings where sensor = 'K'`) != many {
		t.Errorf("after a kill: %+v, %d values", f, n)
	}
	if f[0].Fence < 2 {
		t.Errorf("the kill came too late to mean anything: %+v", f)
	}

	// A file that is one line. Neither needs more memory than a small one.
	drop(t, "readings/flow/line.csv", "text/csv", append([]byte("sensor,at\n"), bytes.Repeat([]byte("x"), 100<<20)...))
	if f := ledgers(t, db, "readings/flow/line.csv", "dead"); f[0].Code != "row_too_long" {
		t.Errorf("%+v", f)
	}
	for _, pid := range processes(t, shared, "process") {
		if peak := peak(t, pid); peak > 64<<10 {
			t.Errorf("process had %d KiB at its peak", peak)
		} else {
			t.Logf("peak memory %d KiB", peak)
		}
	}

	// The same event again.
	var etag, sequencer string
	if err := db.QueryRow(t.Context(), `select etag, sequencer from fn_ingest.file where key = 'incoming/readings/flow/a.csv'`).Scan(&etag, &sequencer); err != nil {
		t.Fatal(err)
	}
	event := fmt.Sprintf(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"data"},"object":{"key":%q,"eTag":%q,"sequencer":%q}}}]}`, url.QueryEscape("incoming/readings/flow/a.csv"), etag, sequencer)
	must(t, ".", event, []string{"invoke", "ingest"}, `"status":"duplicate"`)
	if n := one[int](t, db, `select count(*) from fn_process.readings where file_id in (select file_id from fn_ingest.file where key like '%/flow/%')`); n != 5*500+many {
		t.Errorf("%d rows in all", n)
	}
}

// The README's worked example, line by line as it stands there. A line whose
// answer is not there yet is asked again.
// Seed: R42
func TestPipeline_Readme(t *testing.T) {
	fits(t)
	page, err := os.ReadFile(filepath.Join(shared.Root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Files into tables\n")
	if section, _, _ = strings.Cut(section, "\n## "); !ok {
		t.Fatal("README.md has no section of this name")
	}
	expected := map[string]string{
		"psql $POSTGRES_URL -c 'table":       "(3 rows)",
		"bin/fnstore invoke -m GET -p /file": `"status":"done"`,
		"curl -s $FNSTORE_METRICS_URL":       "datapipeline_records_total{",
		"bin/fnstore dlq list":               "missing_column",
		"bin/fnstore trace --failed":         "missing_column",
		"psql $POSTGRES_URL -c 'alter":       "ALTER TABLE",
		"bin/fnstore dlq retry":              "",
		"bin/fnstore invoke -m GET -p /tabl": `"sensor":"S9"`,
	}
	dir := t.TempDir()
	env := slices.Clone(shared.Command().Env)
	for name, value := range shared.Env {
		env = append(env, name+"="+value)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(shared.Bin, filepath.Join(dir, "bin", "fnstore")); err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile(`(?m)^    .*(\n    .*)*`).FindAllString(section, -1) {
		for line := range strings.Lines(strings.ReplaceAll(block, "\n    ", "\n")[4:]) {
			line = strings.TrimSpace(line)
			word, known := "", false
			for begin, w := range expected {
				if strings.HasPrefix(line, begin) {
					word, known = w, true
					delete(expected, begin)
				}
			}
			last := ""
			until(t, line+" says "+word, func() bool {
				cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
				cmd.Dir, cmd.Env = dir, env
				out, err := cmd.CombinedOutput()
				if last = string(out); err != nil && !known {
					t.Fatalf("%s: %v\n%s", line, err, out)
				}
				return err == nil && strings.Contains(last, word)
			})
			t.Logf("%s\n%s", line, last)
		}
	}
	if len(expected) != 0 {
		t.Errorf("the README does not have %v", expected)
	}
	execute(t, shared.Postgres, `alter table fn_process.readings alter column at drop default`)
}
