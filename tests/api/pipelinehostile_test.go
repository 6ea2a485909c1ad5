package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
)

// Whatever a file is, it ends as a row of the ledger with a reason, the calls
// answer 200, and good files beside it are done.
// Seed: B45, B47
func TestPipeline_HostileFiles(t *testing.T) {
	p := newPipeline(t).open()
	gz := func(write func(*gzip.Writer)) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		write(z)
		_ = z.Close()
		return b.Bytes()
	}
	zeros := make([]byte, 1<<20)
	bomb := gz(func(z *gzip.Writer) {
		for range 200 {
			_, _ = z.Write(zeros)
		}
	})
	long := bytes.Repeat([]byte("x"), 100<<20)
	columns := []byte(strings.Repeat("c,", 1_000_000) + "c\n1\n")
	deep := strings.Repeat("[", 1_000_000)
	for name, f := range map[string]struct {
		body []byte
		want string
	}{
		"readings/empty.csv":        {nil, "dead empty"},
		"readings/header.csv":       {[]byte("sensor,at\n"), "done "},
		"readings/bom.csv":          {[]byte("\xef\xbb\xbfsensor,at\nB,2026-12-01\n"), "done "},
		"readings/packed.csv":       {gz(func(z *gzip.Writer) { _, _ = z.Write([]byte(readings)) }), "done "},
		"readings/cut.csv.gz":       {gz(func(z *gzip.Writer) { _, _ = z.Write([]byte(readings)) })[:30], "dead truncated"},
		"readings/bomb.csv.gz":      {bomb, "dead "},
		"readings/long.csv":         {append([]byte("sensor,at\n"), long...), "dead row_too_long"},
		"readings/long.ndjson":      {append([]byte("{\"sensor\":\""), long...), "dead "},
		"readings/columns.csv":      {columns, "dead "},
		"readings/quote.csv":        {[]byte("sensor,at\n\"S,2026-12-01\nS,2026-12-01\n"), "dead unterminated_quote"},
		"readings/utf16.csv":        {[]byte("\xff\xfes\x00e\x00"), "dead invalid_encoding"},
		"readings/latin.csv":        {[]byte("sensor,at\nM\xfcnchen,2026-12-01\nS,2026-12-01\n"), "done "},
		"readings/nul.csv":          {[]byte("sensor,at\nS\x00,2026-12-01\nS,2026-12-01\n"), "done "},
		"readings/deep.json":        {[]byte(deep), "dead "},
		"readings/deep.ndjson":      {[]byte("{\"sensor\":\"S\",\"at\":\"2026-12-01\"}\n{\"a\":" + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}\n"), "done "},
		"readings/huge.ndjson":      {[]byte("{\"sensor\":12345678901234567890123,\"at\":\"2026-12-01\",\"value\":1e400}\n"), "done "},
		"readings/twice.ndjson":     {[]byte("{\"sensor\":\"S\",\"Sensor\":\"T\",\"at\":\"2026-12-01\"}\n"), "dead no_usable_row"},
		"readings/picture.csv":      {[]byte("\x89PNG\r\n\x1a\n" + strings.Repeat("\x00\x01", 100)), "dead unsupported_format"},
		"readings/open.json":        {[]byte(`[{"sensor":"S","at":"2026-12-01"}`), "dead truncated"},
		"readings/scalar.json":      {[]byte(`"just a text"`), "dead "},
		"../readings/dots.csv":      {[]byte(readings), "done "},
		"readings'; drop table x/a": {[]byte(readings), "done "},
		"records/a.ndjson":          {[]byte(`{"a":"\u0000"}` + "\n" + `{"a":1}`), "done "},
		"file/a.csv":                {[]byte(readings), "done "},
		"good.csv":                  {[]byte(readings), "done "},
		"deep.ndjson":               {[]byte(`{"a":` + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 41)), "dead no_usable_row"},
	} {
		file := p.drop(name, "text/csv", f.body)
		p.deliver()
		a := p.ledger(file)
		if got := a.get("status") + " " + a.get("code"); !strings.HasPrefix(got, f.want) {
			t.Errorf("%s: %s %s, want %s", name, got, a.get("reason"), f.want)
		}
		if a.get("status") == "dead" && (a.get("reason") == "" || len(a.get("reason")) > 1000) {
			t.Errorf("%s: the reason is %q", name, a.get("reason"))
		}
	}
	if n := p.count(`select count(*)::text from fn_process.readings r where not exists (select from fn_ingest.file f where f.file_id = r.file_id and f.status = 'done')`); n != "0" {
		t.Errorf("%s rows of files that are not done", n)
	}
	if n := p.count(`select count(*)::text from fn_ingest.file f where status = 'done' and record_count <> (select count(*) from fn_process.readings r where r.file_id = f.file_id) + (select count(*) from fn_process.records r where r.file_id = f.file_id)`); n != "0" {
		t.Errorf("of %s files the ledger does not count what is there", n)
	}
}

// The files of JSONTestSuite, each as it is, in batches: all end, none is half in
// a table, and no answer speaks of trouble of ours.
func TestPipeline_JSONTestSuite(t *testing.T) {
	p := newPipeline(t).open()
	suite := parsing(t)
	for name, body := range suite {
		p.drop("suite/"+name, "application/json", []byte(body))
	}
	for file, f := range p.deliver() {
		if f.Status != 422 && f.Status != 413 && f.Status != 415 {
			t.Errorf("%s: %+v", p.ledger(file).get("key"), f)
		}
	}
	if n := p.count(`select count(*) filter (where status in ('done', 'dead') and attempts = 1)::text from fn_ingest.file`); n != fmt.Sprint(len(suite)) || len(suite) < 300 {
		t.Errorf("%s of %d files have ended", n, len(suite))
	}
	if n := p.count(`select count(*)::text from fn_ingest.file f where coalesce(record_count, 0) <> (select count(*) from fn_process.records r where r.file_id = f.file_id)`); n != "0" {
		t.Errorf("of %s files the ledger does not count what is there", n)
	}
	// What is not JSON is no row, though rows before it in the file are.
	if got := strings.Join(p.column(`select key from fn_ingest.file where key like '%/n\_%' and status = 'done' and reject_count = 0 order by 1`), " "); got != "" {
		t.Errorf("not JSON, and nothing of it rejected: %s", got)
	}
}
