package function

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/golden"
)

func noSecret(string) (string, error) { return "", errors.New("not mounted") }

func TestHandler_Golden(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("secret_mount_path", dir)
	if err := os.WriteFile(filepath.Join(dir, caller.Secret), []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Open(func(string) string { return "" }, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	golden.Run(t, h, "testdata")
}

// Seed: R12, B74
func TestOpen_BadSettings(t *testing.T) {
	for _, bad := range []string{
		"process_reject_max=many", "process_reject_max=-1", "process_reject_max=100000", "process_reject_max=101%", "process_reject_max=NaN%", "process_reject_max=,",
		"process_attempts=0", "process_attempts=x", "process_target=No Name", "process_retention=1m",
	} {
		name, value, _ := strings.Cut(bad, "=")
		if _, err := Open(func(n string) string { return map[string]string{name: value}[n] }, noSecret); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestPolicy_TooMany(t *testing.T) {
	for _, c := range []struct {
		policy   string
		bad, all int64
		early    bool
		late     bool
	}{
		{"0", 0, 0, false, false}, {"0", 1, 1000, true, true}, {"100", 100, 100, false, false}, {"100", 101, 1e9, true, true},
		{"10%", 10, 100, false, false}, {"10%", 11, 100, false, true}, {"5, 10%", 6, 1000, true, true}, {"5, 10%", 2, 10, false, true}, {"0%", 1, 1e9, false, true},
	} {
		p, err := readPolicy(c.policy)
		if err != nil {
			t.Fatal(err)
		}
		if early, late := p.tooMany(c.bad, c.all, false), p.tooMany(c.bad, c.all, true); early != c.early || late != c.late {
			t.Errorf("%s: %d of %d: %t %t", c.policy, c.bad, c.all, early, late)
		}
	}
}

func TestCalledJSON(t *testing.T) {
	for given, want := range map[string]bool{
		"a.json": true, "a.JSON.gz": true, "a/b.ndjson": true, "a.jsonl.zst": true, "a.csv application/json": false, "a application/json; charset=utf-8": true,
		"a application/x-ndjson": true, "a text/csv": false, "a": false, "a.dat application/vnd.api+json": true, "a ;;": false,
	} {
		key, contentType, _ := strings.Cut(given, " ")
		if calledJSON(contentType, key) != want {
			t.Errorf("%s: %t", given, !want)
		}
	}
}

// A counter for each thing that the seed sends one by one, without a call to
// anybody; errors begin at nothing, so that the first is an increase.
// Seed: R38, B54
func TestMetrics_Text(t *testing.T) {
	m := newMetrics()
	if text := string(m.AppendMetrics(nil)); !strings.Contains(text, "datapipeline_errors_total{outcome=\"dead\"} 0\n") || !strings.Contains(text, "datapipeline_processing_seconds_count 0\n") {
		t.Errorf("before the first file:\n%s", text)
	}
	m.done(result{table: "readings", records: 5, rejected: 1}, 60*time.Millisecond)
	m.done(result{table: "records", records: 2}, 400*time.Second)
	m.failed("failed")
	m.failed("dead")
	m.failed("failed")
	m.failed("replaced")
	text := string(m.AppendMetrics(nil))
	for _, want := range []string{
		"# TYPE datapipeline_processing_seconds histogram\n", "datapipeline_processing_seconds_bucket{le=\"0.05\"} 0\n", "datapipeline_processing_seconds_bucket{le=\"0.1\"} 1\n",
		"datapipeline_processing_seconds_bucket{le=\"300\"} 1\n", "datapipeline_processing_seconds_bucket{le=\"+Inf\"} 2\n", "datapipeline_processing_seconds_sum 400.06\n", "datapipeline_processing_seconds_count 2\n",
		"# TYPE datapipeline_records_total counter\ndatapipeline_records_total{table=\"readings\"} 5\ndatapipeline_records_total{table=\"records\"} 2\n",
		"datapipeline_rejected_records_total{table=\"readings\"} 1\n", "datapipeline_errors_total{outcome=\"dead\"} 1\ndatapipeline_errors_total{outcome=\"failed\"} 2\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
