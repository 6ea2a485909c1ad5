package minio

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/minio/minio-go/v7"

	"fnstore/connectors/hook"
	"fnstore/connectors/hook/hooktest"
	"fnstore/runtime/delivery/queuetest"
	"fnstore/runtime/objects"
)

const token = "0123456789abcdef0123456789abcdef"

// scene is an S3 store whose events nobody hears of but by notification, and a
// queue.
type scene struct {
	db     *pgxpool.Pool
	store  *objects.Store
	client *Store
}

func newScene(t *testing.T) *scene {
	t.Helper()
	db := queuetest.Connectors(t, map[string]fs.FS{"objects": objects.Migrations})
	store, err := objects.Open(t.Context(), objects.Config{Pool: db, Dir: t.TempDir(), Keys: []objects.Key{{ID: "admin", Secret: "secret-of-the-store", Admin: true}}, MinFree: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	for _, b := range []string{"data", "other"} {
		if err := store.MakeBucket(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	srv := httptest.NewServer(store.Handler())
	t.Cleanup(srv.Close)
	client, err := OpenStore(strings.Replace(srv.URL, "http://", "http://admin:secret-of-the-store@", 1))
	if err != nil {
		t.Fatal(err)
	}
	return &scene{db, store, client}
}

func (s *scene) put(t *testing.T, key string) {
	t.Helper()
	if _, err := s.client.core.Client.PutObject(t.Context(), "data", key, strings.NewReader(key), int64(len(key)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

func watchers() []hook.Watcher {
	w, err := hook.WatcherOf(hook.Function{Name: "f", Annotations: map[string]string{hook.AnnotationWatch: "data/in/", hook.AnnotationEvents: "ObjectCreated:*,ObjectRemoved:*"}})
	if err != nil {
		panic(err)
	}
	return []hook.Watcher{w}
}

// notification is MinIO's body for the key.
func notification(event, key string) string {
	b, _ := json.Marshal(map[string]any{"EventName": "s3:" + event, "Key": "data/" + key, "Records": []any{map[string]any{
		"eventVersion": "2.0", "eventSource": "minio:s3", "eventTime": "2026-01-02T03:04:05.678Z", "eventName": "s3:" + event,
		"s3": map[string]any{"s3SchemaVersion": "1.0", "bucket": map[string]any{"name": "data"},
			"object": map[string]any{"key": url.QueryEscape(key), "size": 1, "eTag": "forged", "sequencer": "18A0"}}}}})
	return string(b)
}

func (s *scene) intake(t *testing.T) *Intake {
	return NewIntake(s.client, func() (string, error) { return token, nil }, watchers)
}

func post(in http.Handler, authorization, body string) int {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	in.ServeHTTP(w, r)
	return w.Code
}

func start(t *testing.T, s *scene, sources ...hook.Source) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, src := range sources {
		all.Go(func() { hook.Run(ctx, s.db, src, nil) })
	}
	t.Cleanup(func() { cancel(); all.Wait() })
}

func (s *scene) messages(t *testing.T) (n int) {
	t.Helper()
	if err := s.db.QueryRow(t.Context(), `select count(*) from queue.message`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// reconcile runs one whole pass.
func (s *scene) reconcile(t *testing.T, r *Reconciler) {
	t.Helper()
	if err := r.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	for len(r.todo) > 0 {
		ev, ack, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = hook.Deliver(t.Context(), s.db, r.Name(), ev, nil)
		ack(err)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestReconciler_FindsWhatNotificationsMissed(t *testing.T) {
	const n = 1000
	s := newScene(t)
	s.put(t, "in/before")
	r := &Reconciler{DB: s.db, Store: s.client, Watchers: watchers}
	s.reconcile(t, r) // the watch begins
	began := s.messages(t)
	for i := range n {
		s.put(t, fmt.Sprintf("in/%04d é+ b", i))
		s.put(t, fmt.Sprintf("out/%04d", i%10))
	}
	s.reconcile(t, r)
	if got := s.messages(t) - began; got != n {
		t.Errorf("%d messages of %d objects whose notifications were all dropped", got, n)
	}
	// The notifications come after all, late and twice: none makes another message.
	in := s.intake(t)
	start(t, s, in)
	for i := range 50 {
		for range 2 {
			if code := post(in, "Bearer "+token, notification("ObjectCreated:Put", fmt.Sprintf("in/%04d é+ b", i))); code != 200 {
				t.Fatalf("answered %d", code)
			}
		}
	}
	s.reconcile(t, &Reconciler{DB: s.db, Store: s.client, Watchers: watchers})
	if got := s.messages(t) - began; got != n {
		t.Errorf("%d messages after late notifications and a second pass", got)
	}
}

func TestIntake_NotifiedIsNotFoundAgain(t *testing.T) {
	s := newScene(t)
	r := &Reconciler{DB: s.db, Store: s.client, Watchers: watchers}
	s.reconcile(t, r)
	in := s.intake(t)
	start(t, s, in)
	s.put(t, "in/a b")
	if code := post(in, token, notification("ObjectCreated:Put", "in/a b")); code != 200 {
		t.Fatal(code)
	}
	if n := s.messages(t); n != 1 {
		t.Fatalf("%d messages when the store was answered", n)
	}
	s.reconcile(t, r)
	if n := s.messages(t); n != 1 || r.Found() != 0 {
		t.Errorf("%d messages, %d found", n, r.Found())
	}
	var body string
	if err := s.db.QueryRow(t.Context(), `select convert_from(body, 'UTF8') from queue.message`).Scan(&body); err != nil ||
		strings.Contains(body, "forged") || !strings.Contains(body, `"key":"in%2Fa+b"`) {
		t.Errorf("what the function reads is the notification's and not the store's: %s, %v", body, err)
	}
	if code := post(in, token, notification("ObjectRemoved:Delete", "in/a b")); code != 200 || s.messages(t) != 2 {
		t.Errorf("a removal: %d, %d messages", code, s.messages(t))
	}
}

// Forged, replayed and malformed notifications: none makes a message.
func TestIntake_Refuses(t *testing.T) {
	s := newScene(t)
	s.put(t, "in/there")
	in := s.intake(t)
	start(t, s, in)
	good := notification("ObjectCreated:Put", "in/there")
	tried := 0
	try := func(authorization, body string, want int) {
		t.Helper()
		tried++
		if got := post(in, authorization, body); got != want {
			t.Errorf("%.60q with %.60q: %d, want %d", authorization, body, got, want)
		}
	}
	for _, auth := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + token, "bearer  " + token + "x", token + " ", token[1:], "Bearer " + token + ", Bearer " + token, strings.ToUpper(token), "\x00" + token} {
		try(auth, good, http.StatusUnauthorized)
	}
	for _, body := range []string{"", "x", "null", "[]", "{}", `{"Records":[]}`, `{"Records":null}`, `{"Records":[{}]}`, `{"Records":{}}`, good + good, good + "x",
		strings.Replace(good, "in%2Fthere", "%zz", 1), strings.Replace(good, "in%2Fthere", "%00", 1), strings.Replace(good, "in%2Fthere", "%ff", 1),
		strings.Replace(good, "in%2Fthere", "", 1), strings.Replace(good, "in%2Fthere", strings.Repeat("k", 1025), 1), strings.Replace(good, "2026-01-02T03:04:05.678Z", "yesterday", 1),
		strings.Replace(good, `"name":"data"`, `"name":""`, 1), strings.Replace(good, `"name":"data"`, `"name":7`, 1), strings.Replace(good, `"18A0"`, `"`+strings.Repeat("1", 65)+`"`, 1),
		`{"Records":[` + strings.Repeat("{},", 1000) + `{}]}`, strings.Repeat("[", 100000)} {
		try("Bearer "+token, body, http.StatusBadRequest)
	}
	try("Bearer "+token, `{"x":"`+strings.Repeat("y", maxBody)+`"}`, http.StatusRequestEntityTooLarge)
	// What is well formed and not true is answered and has no effect.
	for _, body := range []string{notification("ObjectCreated:Put", "in/absent"), notification("ObjectCreated:Put", "out/there"), notification("ObjectAccessed:Get", "in/there"),
		strings.Replace(good, `"name":"data"`, `"name":"other"`, 1), strings.Replace(good, `"name":"data"`, `"name":"nosuchbucket"`, 1), strings.Replace(good, `"name":"data"`, `"name":"../data"`, 1),
		notification("ObjectCreated:Put", "in/../in/there"), notification("ObjectCreated:Put", "in%2Fthere"), notification("s3:ObjectCreated:Put", "in/there"), notification("ObjectCreated", "in/there"),
		notification("ObjectCreated:Put", "/in/there"), notification("ObjectCreated:Put", "in/THERE"), notification("ObjectCreated:Put", "in/there/"), notification("ObjectCreated:Put", "in/there?versionId=x"), notification("ObjectRemoved:Delete", "other/there"), notification("ObjectRestore:Post", "in/there")} {
		try("Bearer "+token, body, http.StatusOK)
	}
	if n := s.messages(t); n != 0 || tried < 50 {
		t.Errorf("%d messages of %d crafted notifications", n, tried)
	}
	for range 3 {
		try("Bearer "+token, good, http.StatusOK)
	}
	if n := s.messages(t); n != 1 {
		t.Errorf("a notification that was sent three times made %d messages", n)
	}
	if r, _ := http.NewRequest(http.MethodDelete, "/", nil); r != nil {
		w := httptest.NewRecorder()
		if in.ServeHTTP(w, r); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("DELETE: %d", w.Code)
		}
	}
}

// An S3 store that does not answer, and a queue that does not commit, are no 200.
func TestIntake_AnswersAfterTheCommit(t *testing.T) {
	s := newScene(t)
	s.put(t, "in/a")
	in := s.intake(t)
	done := make(chan int, 1)
	go func() { done <- post(in, token, notification("ObjectCreated:Put", "in/a")) }()
	ev, ack, err := in.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	select {
	case code := <-done:
		t.Fatalf("answered %d before anything was written", code)
	default:
	}
	ack(context.DeadlineExceeded)
	if code := <-done; code != http.StatusServiceUnavailable {
		t.Errorf("answered %d although nothing was written", code)
	}
	_ = ev
	s.store.Close()
	away, err := OpenStore("http://a:b@127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	in = NewIntake(away, func() (string, error) { return token, nil }, watchers)
	if code := post(in, token, notification("ObjectCreated:Put", "in/a")); code != http.StatusServiceUnavailable {
		t.Errorf("answered %d although the store does not", code)
	}
}

func TestIntake_Exercise(t *testing.T) {
	hooktest.Exercise(t, func(t *testing.T) hooktest.Rig {
		s := newScene(t)
		in := s.intake(t)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		t.Cleanup(func() { cancel(); all.Wait() })
		n := 0
		return hooktest.Rig{DB: s.db, Open: func(*testing.T) hook.Source { return in }, Trigger: func(t *testing.T, k int) {
			for range k {
				n++
				key := fmt.Sprint("in/", n)
				s.put(t, key)
				all.Go(func() { // MinIO sends until it is answered with 200
					for ctx.Err() == nil && post(in, token, notification("ObjectCreated:Put", key)) != 200 {
						time.Sleep(10 * time.Millisecond)
					}
				})
			}
		}}
	})
}

func TestReconciler_Exercise(t *testing.T) {
	hooktest.Exercise(t, func(t *testing.T) hooktest.Rig {
		s := newScene(t)
		n := 0
		open := func(*testing.T) hook.Source {
			return &Reconciler{DB: s.db, Store: s.client, Watchers: watchers, Every: 50 * time.Millisecond}
		}
		if err := open(t).Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		return hooktest.Rig{DB: s.db, Open: open, Trigger: func(t *testing.T, k int) {
			for range k {
				n++
				s.put(t, fmt.Sprint("in/", n))
			}
		}}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(notification("ObjectCreated:Put", "in/a b")))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parse(text)
		if err != nil {
			return
		}
		for _, n := range list {
			if n.key == "" || len(n.key) > maxKey || n.bucket == "" {
				t.Errorf("%+v", n)
			}
		}
	})
}
