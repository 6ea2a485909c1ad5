package flow

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// A large file beside psql's own \copy, and many small ones: each row is there
// once, and memory is that of a small file. CHAOS=full: a gigabyte, and 10,000.
func TestPipeline_Load(t *testing.T) {
	fits(t)
	large, files := 16<<20, 100
	if os.Getenv("CHAOS") == "full" {
		large, files = 1<<30, 10_000
	}
	db := database(t)
	path := filepath.Join(t.TempDir(), "big.csv")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(file, 1<<20)
	fmt.Fprintln(w, "sensor,at,value")
	rows := 0
	for size := 0; size < large; rows++ {
		n, err := fmt.Fprintf(w, "sensor-%04d,2026-12-%02dT%02d:%02d:%02dZ,%d.%02d\n", rows%5000, rows%28+1, rows/3600%24, rows/60%60, rows%60, rows%1000, rows%100)
		if err != nil {
			t.Fatal(err)
		}
		size += n
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, shared.Postgres, `create table fn_process.plain (like fn_process.readings)`, `alter table fn_process.plain alter file_id set default 'psql'`)
	began := time.Now()
	if out, err := exec.Command("psql", shared.Postgres, "-c", `\copy fn_process.plain (sensor, at, value) from '`+path+`' with (format csv, header)`).CombinedOutput(); err != nil {
		t.Fatalf("psql: %v: %s", err, out)
	}
	plain := time.Since(began)
	execute(t, shared.Postgres, `drop table fn_process.plain`)
	if _, err := bucket(t, shared).FPutObject(t.Context(), "data", "incoming/readings/big/a.csv", path, minio.PutObjectOptions{ContentType: "text/csv", DisableMultipart: true}); err != nil {
		t.Fatal(err)
	}
	var status string
	var count, ms int
	for end := time.Now().Add(5 * time.Minute); status != "done" && status != "dead"; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the big file is %s\n%s", status, shared.Logs())
		}
		_ = db.QueryRow(t.Context(), `select status, coalesce(record_count, 0), coalesce(processing_time_ms, 0) from fn_ingest.file where key = 'incoming/readings/big/a.csv'`).Scan(&status, &count, &ms)
	}
	if status != "done" || count != rows {
		t.Errorf("the big file is %s with %d rows of %d", status, count, rows)
	}
	took := time.Duration(ms) * time.Millisecond
	for _, pid := range processes(t, shared, "process") {
		kib := peak(t, pid)
		t.Logf("%d MiB, %d rows: %.1f s, psql \\copy %.1f s, ratio %.2f; peak memory %d KiB", large>>20, rows, took.Seconds(), plain.Seconds(), plain.Seconds()/took.Seconds(), kib)
		if kib > 64<<10 {
			t.Errorf("process had %d KiB at its peak", kib)
		}
	}

	const writers = 8
	began = time.Now()
	var all sync.WaitGroup
	client := bucket(t, shared)
	for n := range writers {
		all.Go(func() {
			for i := n; i < files; i += writers {
				body := fmt.Appendf(nil, "sensor,at,value\nsmall,2026-12-01T00:00:00Z,%d\nsmall,2026-12-01T00:00:01Z,%d\n", i, i)
				if _, err := client.PutObject(t.Context(), "data", fmt.Sprintf("incoming/readings/small/%d.csv", i), bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	put := time.Since(began)
	var done, lines, doubled int
	for end := time.Now().Add(8 * time.Minute); done < files && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err := db.QueryRow(t.Context(), `select count(*) from fn_ingest.file where key like 'incoming/readings/small/%' and status = 'done'`).Scan(&done); err != nil {
			t.Fatal(err)
		}
	}
	whole := time.Since(began)
	if err := db.QueryRow(t.Context(), `select count(*), count(*) - count(distinct (file_id, at)) from fn_process.readings where sensor = 'small'`).Scan(&lines, &doubled); err != nil {
		t.Fatal(err)
	}
	if done != files || lines != 2*files || doubled != 0 {
		t.Errorf("%d of %d files are done, %d rows, %d doubled\n%s", done, files, lines, doubled, shared.Logs())
	}
	t.Logf("%d small files: put in %.1f s, in their table after %.1f s, %.0f a second", files, put.Seconds(), whole.Seconds(), float64(files)/whole.Seconds())
}
