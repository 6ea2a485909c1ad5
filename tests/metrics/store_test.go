package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"fnstore/tests/storetest"
)

// A store that works, a Prometheus that asks it, and an Alertmanager that tells
// notify: each query of each board has samples, an alert arrives, and the page of
// metrics is what the store shows.
//
// Seed: R38, R48, B52, B53, B54
func TestStore_IsSeen(t *testing.T) {
	prom, manager := program(t, "prometheus"), program(t, "prometheus-alertmanager", "alertmanager")
	s := storetest.Start(t)
	w := work{t: t, store: s}
	p := watch(t, s, prom, manager, w.pipeline())
	w.subscribe()
	w.deadLetter()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for ctx.Err() == nil {
			w.some(ctx)
			time.Sleep(300 * time.Millisecond)
		}
	}()
	for name, b := range boards(t) {
		t.Run(name, func(t *testing.T) { b.look(t, p) })
	}
	t.Run("alert", func(t *testing.T) { alertArrives(t, s) })
	t.Run("page", func(t *testing.T) { page(t, s) })
}

// watch starts Prometheus and Alertmanager with the repository's files, in which
// only addresses and times differ.
func watch(t *testing.T, s *storetest.Store, prom, manager, more string) prometheus {
	t.Helper()
	dir := t.TempDir()
	at, alerts := freePort(t), freePort(t)
	metrics, err := url.Parse(s.Env["FNSTORE_METRICS_URL"])
	if err != nil || metrics.Host == "" {
		t.Fatal(s.Env["FNSTORE_METRICS_URL"], err)
	}
	targets := `["` + metrics.Host + `"` + more + `]`
	edit(t, compose+"/prometheus/prometheus.yml", dir+"/prometheus.yml",
		"scrape_interval: 15s", "scrape_interval: 2s", "scrape_timeout: 10s", "scrape_timeout: 2s", "evaluation_interval: 15s", "evaluation_interval: 1s",
		`["127.0.0.1:8082"]`, targets, "127.0.0.1:9093", alerts)
	if err := os.CopyFS(dir+"/rules", os.DirFS(compose+"/prometheus/rules")); err != nil {
		t.Fatal(err)
	}
	edit(t, compose+"/alertmanager/alertmanager.yml", dir+"/alertmanager.yml",
		"group_wait: 10s", "group_wait: 0s", "group_interval: 1m", "group_interval: 1s",
		"http://127.0.0.1:8080", s.URL, "/run/secrets/notify-alerts", filepath.Join(s.State, "secrets/notify-alerts"))
	run(t, alerts, manager, "--config.file="+dir+"/alertmanager.yml", "--storage.path="+dir+"/alerts", "--web.listen-address="+alerts, "--cluster.listen-address=")
	run(t, at, prom, "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/samples", "--web.listen-address="+at)
	return prometheus{at}
}

// look asks each query of the board until it has samples, and whether a panel's
// lines can be told apart.
func (b board) look(t *testing.T, p prometheus) {
	for _, panel := range b.Panels {
		lines := map[string]bool{}
		for _, q := range panel.Targets {
			var list []sample
			until(t, panel.Title+": "+q.Expr, func() (err error) {
				list, err = p.query(t.Context(), q.Expr)
				return err
			})
			for _, s := range list {
				line := label.ReplaceAllStringFunc(q.LegendFormat, func(l string) string { return s.Metric[l[2:len(l)-2]] })
				if lines[line] || strings.TrimSpace(line) == "" {
					t.Errorf("%s: two lines, or one without a name, are %q", panel.Title, line)
				}
				lines[line] = true
			}
		}
		t.Logf("%s: %s", panel.Title, strings.Join(slices.Sorted(maps.Keys(lines)), ", "))
	}
}

var label = regexp.MustCompile(`{{\w+}}`)

// work is what is done with the store.
type work struct {
	t     *testing.T
	store *storetest.Store
	files atomic.Int64
	s3    *minio.Client // nil where there is no pipeline
}

// pipeline gets the pipeline ready. While there is no function process, its
// samples are made by a server, whose address is added to those that Prometheus
// asks.
func (w *work) pipeline() (more string) {
	if _, err := os.Stat("../../functions/process"); err == nil {
		u, err := url.Parse(w.store.S3Endpoint)
		if err != nil {
			w.t.Fatal(err)
		}
		w.s3, err = minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(w.store.S3Access, w.store.S3Secret, ""), Region: "us-east-1"})
		if err != nil {
			w.t.Fatal(err)
		}
		return ""
	}
	w.t.Log("NOT CHECKED: the metrics of the pipeline, since there is no function process; the samples of its board are made")
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		n := n.Add(1)
		for _, name := range []string{"datapipeline_records_total", "datapipeline_errors_total", "datapipeline_processing_seconds_sum", "datapipeline_processing_seconds_count"} {
			fmt.Fprintf(out, "%s{function=\"process\",replica=\"process-1\"} %d\n", name, n)
		}
		for _, name := range []string{"ingest", "process"} {
			fmt.Fprintf(out, "gateway_function_invocation_started{function_name=\"%s.openfaas-fn\"} %d\n", name, n)
		}
	}))
	w.t.Cleanup(s.Close)
	return `, "` + s.Listener.Addr().String() + `"`
}

// some makes a call that succeeds, one that is refused, one that a limit counts,
// and a file for the pipeline, of which every other cannot be read.
func (w *work) some(ctx context.Context) {
	for _, call := range []struct{ method, path, body string }{
		{"GET", "/function/hello", ""}, {"GET", "/function/users/users", ""},
		{"POST", "/function/auth/token", `{"email":"nobody@example.org","password":"wrong-password"}`},
	} {
		req, err := http.NewRequestWithContext(ctx, call.method, w.store.URL+call.path, strings.NewReader(call.body))
		if err != nil {
			return
		}
		req.Header.Set("Content-Type", "application/json")
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}
	if w.s3 == nil {
		return
	}
	n := w.files.Add(1)
	body := []byte("sensor,at,value\na,2026-01-01T00:00:00Z,1\nb,2026-01-01T00:00:01Z,2\n")
	if n%2 == 0 {
		body = []byte("\x1f\x8b no gzip")
	}
	_, _ = w.s3.PutObject(ctx, "data", fmt.Sprintf("incoming/readings/%d.csv", n), bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
}

// subscribe has notify tell user-events of alerts.
func (w *work) subscribe() {
	w.t.Helper()
	cmd := w.store.Command("invoke", "-q", "op=subscribe", "notify")
	cmd.Stdin = strings.NewReader(`{"topic":"alerts","protocol":"function","endpoint":"user-events","filter":{"alertname":["DeadLetters"]}}`)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), `"protocol":"function"`) {
		w.t.Fatalf("subscribe: %v\n%s", err, out)
	}
}

// deadLetter puts a call into the queue that its function refuses.
func (w *work) deadLetter() {
	w.t.Helper()
	res, err := http.Post(w.store.URL+"/async-function/users/users", "application/json", strings.NewReader(`{}`))
	if err != nil || res.StatusCode != http.StatusAccepted {
		w.t.Fatal(res, err)
	}
	_ = res.Body.Close()
}

// alertArrives waits until notify has sent the alert to its subscriber.
func alertArrives(t *testing.T, s *storetest.Store) {
	db, err := pgx.Connect(t.Context(), s.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(context.WithoutCancel(t.Context())) }()
	until(t, "the alert DeadLetters at notify", func() error {
		var there bool
		err := db.QueryRow(t.Context(), `select exists (select from fn_notify.notification n join fn_notify.delivery d on d.notification = n.id
			where n.topic = 'alerts' and n.type = 'alert.firing' and d.endpoint = 'user-events' and d.done_at is not null
			and n.content like '%dead letters of users.openfaas-fn%')`).Scan(&there)
		if err == nil && !there {
			err = errors.New("it is not there")
		}
		return err
	})
}
