package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/notification"

	"fnstore/kit/queue"
)

// objectStore is an S3 store that is not the one beside which functions run, with
// a bucket named watched.
type objectStore struct {
	*minio.Client
	url    string // with the keys
	intake string // where notifications go, with the token in the file
	token  string
	loud   bool // it tells of what happens; see listen
	real   bool // it is MinIO, which does that by itself
}

const watched = "elsewhere"

// openObjectStore starts the program that MINIO names, on loopback and with keys of
// its own. Without one it takes the embedded store, for which the test itself sends
// MinIO's notifications.
func openObjectStore(t *testing.T, state string, intake int) *objectStore {
	t.Helper()
	s := &objectStore{url: shared.S3(), intake: fmt.Sprintf("http://127.0.0.1:%d/", intake), token: queue.CallID() + queue.CallID()}
	save(t, filepath.Join(state, "secrets", "minio-token"), s.token)
	if program := os.Getenv("MINIO"); program != "" {
		s.real = true
		user, password, port := queue.CallID()[:8], queue.CallID(), freePort(t)
		s.url = fmt.Sprintf("http://%s:%s@127.0.0.1:%d", user, password, port)
		dir := t.TempDir()
		cmd := exec.Command(program, "server", "--quiet", "--address", "127.0.0.1:"+strconv.Itoa(port), "--console-address", "127.0.0.1:"+strconv.Itoa(freePort(t)), filepath.Join(dir, "data"))
		cmd.Env = append(os.Environ(), "HOME="+dir, "MINIO_ROOT_USER="+user, "MINIO_ROOT_PASSWORD="+password,
			"MINIO_NOTIFY_WEBHOOK_ENABLE_fnstore=on", "MINIO_NOTIFY_WEBHOOK_ENDPOINT_fnstore="+s.intake,
			"MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_fnstore=Bearer "+s.token, "MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_fnstore="+filepath.Join(dir, "events"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatalf("MINIO=%s: %v", program, err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if t.Failed() {
				t.Logf("MinIO:\n%s", said.String())
			}
		})
		until(t, "MinIO is up", func() bool {
			res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/minio/health/cluster", port))
			if err != nil {
				return false
			}
			_ = res.Body.Close()
			return res.StatusCode == http.StatusOK
		})
	}
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := u.User.Password()
	if s.Client, err = minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(u.User.Username(), secret, ""), Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	if there, err := s.BucketExists(t.Context(), watched); err != nil || !there {
		if err := s.MakeBucket(t.Context(), watched, minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// listen has the store tell of what happens, or keep silent.
func (s *objectStore) listen(t *testing.T, loud bool) {
	t.Helper()
	s.loud = loud
	if !s.real {
		return
	}
	var conf notification.Configuration
	if loud {
		arn := notification.NewConfig(notification.NewArn("minio", "sqs", "", "fnstore", "webhook"))
		arn.AddEvents(notification.ObjectCreatedAll, notification.ObjectRemovedAll)
		conf.AddQueue(arn)
	}
	if err := s.SetBucketNotification(t.Context(), watched, conf); err != nil {
		t.Fatal(err)
	}
}

func (s *objectStore) put(t *testing.T, key string, meta map[string]string) {
	t.Helper()
	info, err := s.PutObject(t.Context(), watched, key, strings.NewReader(key), int64(len(key)), minio.PutObjectOptions{UserMetadata: meta})
	if err != nil {
		t.Fatal(err)
	}
	s.tell(t, "ObjectCreated:Put", key, info.ETag)
}

func (s *objectStore) remove(t *testing.T, key string) {
	t.Helper()
	if err := s.RemoveObject(t.Context(), watched, key, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	s.tell(t, "ObjectRemoved:Delete", key, "")
}

// tell is what MinIO does by itself.
func (s *objectStore) tell(t *testing.T, event, key, etag string) {
	t.Helper()
	if s.real || !s.loud {
		return
	}
	body, err := json.Marshal(map[string]any{"EventName": "s3:" + event, "Key": watched + "/" + key, "Records": []any{map[string]any{
		"eventVersion": "2.0", "eventSource": "minio:s3", "eventTime": "2026-01-02T03:04:05.678Z", "eventName": "s3:" + event,
		"s3": map[string]any{"bucket": map[string]any{"name": watched}, "object": map[string]any{"key": url.QueryEscape(key), "size": len(key), "eTag": etag, "sequencer": "18A0"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.intake, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(res.Body)
		t.Fatalf("the intake answers %d %s to %s", res.StatusCode, b, body)
	}
}

// heard are the events that reached a function, as "name key hops", sorted. Each
// ended as a dead letter, since hello does not know what they are.
func heard(t *testing.T, queued, function string) (list []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), queued)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), `
select (r->>'eventName') || ' ' || (r#>>'{s3,object,key}') || ' ' || (headers#>>'{X-Fnstore-Hops,0}')
from queue.dead, lateral (select convert_from(body, 'UTF8')::jsonb#>'{Records,0}') as b(r) where fn = $1`, function)
	if err != nil {
		t.Fatal(err)
	}
	if list, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// hear waits for as many events as these, and wants them to be these.
func hear(t *testing.T, queued string, want []string) {
	t.Helper()
	var got []string
	for late := time.Now().Add(time.Minute); len(got) < len(want) && time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		got = heard(t, queued, "on-objects")
	}
	if !slices.Equal(got, want) {
		t.Fatalf("heard %q, want %q", got, want)
	}
}

// Objects of an S3 store that is not ours become messages by its notifications, and
// by a listing where there were none. make test-minio runs this on a real MinIO.
//
// Seed: R40
func TestObjects_OfAnotherStore(t *testing.T) {
	fits(t)
	many := 100
	if os.Getenv("MINIO") != "" {
		many = 1000
	}
	queued, state, intake := ownDatabase(t), stateBeside(t), freePort(t)
	s := openObjectStore(t, state, intake)
	greeter(t, "on-objects", map[string]string{"fnstore.s3.watch": watched + "/in/", "fnstore.s3.suffix": ".csv", "fnstore.s3.events": "ObjectCreated:*, ObjectRemoved:*"})
	connectors := func() *os.Process {
		p := beside(t, state, queued, "FNSTORE_S3_URL="+s.url, "FNSTORE_INTAKE_PORT="+strconv.Itoa(intake), "FNSTORE_RECONCILE=1h")
		until(t, "the listing has begun", func() bool {
			conn, err := pgx.Connect(t.Context(), queued)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.WithoutCancel(t.Context()))
			var n int
			err = conn.QueryRow(t.Context(), `select count(*) from connector.checkpoint where source = 'reconcile' and part like '%on-objects%'`).Scan(&n)
			return err == nil && n > 0
		})
		return p
	}
	running := connectors()
	s.listen(t, true)

	s.put(t, "in/a b+ü&.csv", nil)
	s.put(t, "in/other.txt", nil)                                           // another suffix
	s.put(t, "out/a.csv", nil)                                              // another place
	s.put(t, "in/third.csv", map[string]string{"fnstore-hops": "3"})        // passed on and counted
	s.put(t, "in/seventeenth.csv", map[string]string{"fnstore-hops": "17"}) // a loop
	want := []string{"ObjectCreated:Put in%2Fa+b%2B%C3%BC%26.csv 1", "ObjectCreated:Put in%2Fthird.csv 4"}
	hear(t, queued, want)
	s.remove(t, "in/a b+ü&.csv") // not earlier: what is gone when its notification comes was never there
	want = append(want, "ObjectRemoved:Delete in%2Fa+b%2B%C3%BC%26.csv 1")
	hear(t, queued, want)

	// While nobody tells, and nobody listens either.
	s.listen(t, false)
	if err := running.Kill(); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := w; i < many; i += 4 {
				s.put(t, fmt.Sprintf("in/silent-%04d.csv", i), nil)
			}
		})
	}
	writers.Wait()
	s.put(t, "in/silent-loop.csv", map[string]string{"fnstore-hops": "17"})
	connectors()
	until(t, "a listing has found all", func() bool { return len(heard(t, queued, "on-objects")) >= many+len(want) })
	got := slices.Compact(heard(t, queued, "on-objects"))
	if len(got) != many+len(want) {
		t.Errorf("beside the silent ones: %q", slices.DeleteFunc(slices.Clone(got), func(e string) bool { return strings.Contains(e, "silent-") }))
		t.Errorf("%d events, of which %d are different; there were %d", len(heard(t, queued, "on-objects")), len(got), many+len(want))
	}
	what := "the embedded store"
	if s.real {
		what = "MinIO"
	}
	t.Logf("%s: %d objects without a notification, missed %d, twice %d", what, many, many+len(want)-len(got), len(heard(t, queued, "on-objects"))-len(got))
}
