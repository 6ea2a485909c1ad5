package callback_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/callback"
	"fnstore/runtime/delivery"
	"fnstore/runtime/delivery/queuetest"
)

const key = "0123456789abcdef0123456789abcdef"

// patience bounds every wait.
const patience = time.Minute

// told is a callback as its receiver sees it.
type told struct {
	*http.Request
	body string
}

// rig is a queue, a function f and a receiver of callbacks at this machine.
type rig struct {
	db       *pgxpool.Pool
	receiver *httptest.Server
	got      chan told
	answer   func(http.ResponseWriter)
}

// open makes the rig; f answers calls of functions, and mark stands after the
// receiver's place in the list of hosts.
func open(t *testing.T, f http.HandlerFunc, mark, notify string) *rig {
	t.Helper()
	r := &rig{got: make(chan told, 100), answer: func(http.ResponseWriter) {}}
	r.receiver = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.got <- told{req.Clone(context.Background()), string(body)}
		r.answer(w)
	}))
	t.Cleanup(r.receiver.Close)
	gateway := httptest.NewServer(f)
	t.Cleanup(gateway.Close)
	var url string
	url, r.db = queuetest.Open(t)
	hosts, err := callback.ParseHosts(strings.TrimPrefix(r.receiver.URL, "http://") + mark)
	if err != nil {
		t.Fatal(err)
	}
	client := callback.NewClient(hosts, func() (string, error) { return key, nil }, "test")
	waiting := callback.NewWaiting(r.db, hosts)
	policy := delivery.Policy{Attempts: 2, MinWait: 10 * time.Millisecond}
	d, err := delivery.Open(t.Context(), delivery.Config{
		Postgres: url, Gateway: gateway.URL,
		EventKey: func() (string, error) { return key, nil },
		Ended:    (&callback.Teller{Notify: func(string) string { return strings.ReplaceAll(notify, "RECEIVER", r.receiver.URL) }}).Ended,
		Functions: func(ctx context.Context) ([]delivery.Function, error) {
			list := []delivery.Function{{Name: "f", Concurrency: 5, Retry: policy}, {Name: "alarm", Concurrency: 1, Retry: policy}}
			names, err := waiting.Functions(ctx)
			for _, name := range names {
				list = append(list, delivery.Function{Name: name, Concurrency: 5, Retry: policy, Call: client.Call})
			}
			return list, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { d.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func (r *rig) send(t *testing.T, n queue.New) queue.Accepted {
	t.Helper()
	a := queuetest.Enqueue(t, r.db, n)
	if err := queue.Notify(t.Context(), r.db); err != nil {
		t.Fatal(err)
	}
	return a
}

func (r *rig) next(t *testing.T) told {
	t.Helper()
	select {
	case got := <-r.got:
		return got
	case <-time.After(patience):
		t.Fatal("nobody was told")
		panic("unreachable")
	}
}

// dead waits for a dead letter of a function and gives its code and reason.
func (r *rig) dead(t *testing.T, fn string) (code, reason string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		err := r.db.QueryRow(t.Context(), "select code, reason from queue.dead where fn = $1", fn).Scan(&code, &reason)
		if err == nil {
			return code, reason
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			t.Fatal(err)
		}
	}
	t.Fatalf("no dead letter of %s", fn)
	panic("unreachable")
}

func (r *rig) name() string { return callback.Prefix + r.receiver.URL }

// Seed: R82
func TestCallback_HeadersAndSignature(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Own", "1")
		w.Header().Set("Content-Type", "text/x")
		w.Header().Set("X-Function-Name", "forged")
		w.WriteHeader(201)
		_, _ = io.WriteString(w, "the answer")
	}, "+private", "")
	a := r.send(t, queue.New{CallID: "mine", Callback: r.receiver.URL + "/hook?x=%2F"})
	got := r.next(t)
	h := got.Header
	if got.Method != "POST" || got.RequestURI != "/hook?x=%2F" || got.body != "the answer" || got.ContentLength != int64(len("the answer")) {
		t.Errorf("%s %s %q", got.Method, got.RequestURI, got.body)
	}
	if h.Get("X-Call-Id") != a.CallID || h.Get("X-Function-Status") != "201" || h.Get("X-Function-Name") != "f" || len(h["X-Function-Name"]) != 1 ||
		h.Get("X-Own") != "1" || h.Get("Content-Type") != "text/x" || !strings.HasPrefix(h.Get("User-Agent"), "fnstore-callback/") {
		t.Errorf("%v", h)
	}
	if s := h.Get("X-Duration-Seconds"); len(s) < 8 || s[len(s)-7] != '.' {
		t.Errorf("X-Duration-Seconds: %s", s)
	}
	at, sum, _ := strings.Cut(strings.TrimPrefix(h.Get(callback.Header), "t="), ",v1=")
	m := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(m, at+"."+got.body)
	if sum != hex.EncodeToString(m.Sum(nil)) {
		t.Errorf("the signature %s does not hold", h.Get(callback.Header))
	}
	if p, err := queue.Find(t.Context(), r.db, "mine"); err != nil || p.State != queue.Succeeded {
		t.Errorf("the call itself: %+v %v", p, err)
	}
}

// A call that fails for good says so, with what the function answered last.
func TestCallback_OfADeadCall(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "cannot", 500) }, "+private", "")
	r.send(t, queue.New{CallID: "mine", Callback: r.receiver.URL})
	got := r.next(t)
	if got.Header.Get("X-Function-Status") != "500" || got.body != "cannot\n" || got.Header.Get("X-Fnstore-Code") != "status_500" {
		t.Errorf("%v %q", got.Header, got.body)
	}
	r.send(t, queue.New{CallID: "late", Callback: r.receiver.URL, Deadline: time.Now().Add(-time.Minute)})
	got = r.next(t)
	if got.Header.Get("X-Function-Status") != "503" || got.body != "" || got.Header.Get("X-Call-Id") != "late" || got.Header.Get("X-Fnstore-Code") != "deadline_passed" {
		t.Errorf("%v %q", got.Header, got.body)
	}
}

func TestCallback_IsRetriedThenDead(t *testing.T) {
	r := open(t, func(http.ResponseWriter, *http.Request) {}, "+private", "")
	r.answer = func(w http.ResponseWriter) { w.WriteHeader(503) }
	r.send(t, queue.New{Callback: r.receiver.URL})
	r.next(t)
	if again := r.next(t); again.Header.Get("X-Fnstore-Attempt") != "2" {
		t.Errorf("%v", again.Header)
	}
	if code, _ := r.dead(t, r.name()); code != "status_503" {
		t.Errorf("dead with %s", code)
	}
}

func TestCallback_FollowsNoRedirect(t *testing.T) {
	r := open(t, func(http.ResponseWriter, *http.Request) {}, "+private", "")
	r.answer = func(w http.ResponseWriter) {
		w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
		w.WriteHeader(307)
	}
	r.send(t, queue.New{Callback: r.receiver.URL})
	r.next(t)
	if code, reason := r.dead(t, r.name()); code != "callback_redirected" {
		t.Errorf("%s: %s", code, reason)
	}
}

// The address counts that is dialled, whatever the name was when it was allowed.
func TestCallback_AddressIsCheckedWhenDialled(t *testing.T) {
	r := open(t, func(http.ResponseWriter, *http.Request) {}, "", "") // without the mark
	r.send(t, queue.New{Callback: r.receiver.URL})
	if code, reason := r.dead(t, r.name()); code != "callback_address_refused" || !strings.Contains(reason, "127.0.0.0/8") {
		t.Errorf("%s: %s", code, reason)
	}
	if len(r.got) != 0 {
		t.Error("it was called")
	}
}

// A name that resolves to this machine is this machine.
func TestClient_NameOfAPrivateAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	place := "localhost:" + port
	hosts, err := callback.ParseHosts(place)
	if err != nil {
		t.Fatal(err)
	}
	c := callback.NewClient(hosts, func() (string, error) { return key, nil }, "test")
	if _, err := c.Call(t.Context(), lease.Message{Function: callback.Prefix + "http://" + place, Path: "/"}, nil); err == nil || !strings.Contains(err.Error(), "not public") {
		t.Errorf("%v", err)
	}
}

// A host that is no longer on the list ends its messages, and keeps none waiting.
func TestCallback_OfAHostThatIsNotAllowedAnyMore(t *testing.T) {
	r := open(t, func(http.ResponseWriter, *http.Request) {}, "+private", "")
	const gone = callback.Prefix + "https://gone.example"
	r.send(t, queue.New{Function: gone})
	hosts, _ := callback.ParseHosts("")
	names, err := callback.NewWaiting(r.db, hosts).Functions(t.Context())
	if err != nil || len(names) != 1 || names[0] != gone {
		t.Fatalf("%v %v", names, err)
	}
	c := callback.NewClient(hosts, func() (string, error) { return key, nil }, "test")
	if _, err := c.Call(t.Context(), lease.Message{Function: gone, Path: "/"}, nil); err == nil || !strings.Contains(err.Error(), "not allowed") {
		t.Errorf("%v", err)
	}
}

// No proxy sees a callback, whatever the environment says.
func TestClient_UsesNoProxy(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	defer srv.Close()
	hosts, err := callback.ParseHosts(strings.TrimPrefix(srv.URL, "http://") + "+private")
	if err != nil {
		t.Fatal(err)
	}
	res, err := callback.NewClient(hosts, func() (string, error) { return key, nil }, "test").
		Call(t.Context(), lease.Message{Function: callback.Prefix + srv.URL, Path: "/"}, nil)
	if err != nil || res.StatusCode != 204 {
		t.Fatalf("%v %v (%s)", res, err, os.Getenv("HTTP_PROXY"))
	}
	_ = res.Body.Close()
}

// The callback is there when, and only when, the call has ended.
func TestEnded_OneTransaction(t *testing.T) {
	_, db := queuetest.Open(t)
	q := lease.Open(db)
	fail := true
	tell := (&callback.Teller{}).Ended
	q.OnEnd(func(ctx context.Context, tx pgx.Tx, ended []lease.Outcome) error {
		if err := tell(ctx, tx, ended); err != nil || !fail {
			return err
		}
		return errors.New("the worker dies here")
	})
	queuetest.Enqueue(t, db, queue.New{Callback: "http://hooks.example/"})
	list, err := q.Claim(t.Context(), 1, []lease.Want{{Function: "f", Max: 1}})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	o := []lease.Outcome{{Key: list[0].Key(), Function: "f", Verdict: lease.Done, Answer: &lease.Answer{Callback: list[0].Callback, CallID: list[0].CallID}}}
	if _, err := q.Finish(t.Context(), o); err == nil {
		t.Fatal("it was written")
	}
	if n := queuetest.Count(t, db, "message"); n != 1 {
		t.Errorf("%d messages after a transaction that failed", n)
	}
	fail = false
	for range 2 { // an answer that comes twice tells once
		if _, err := q.Finish(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if n := queuetest.Count(t, db, "message where fn like 'callback:%'"); n != 1 || queuetest.Count(t, db, "message") != 1 {
		t.Errorf("%d callbacks", n)
	}
}

// Seed: R47
func TestNotify_OnceAMinuteWithACount(t *testing.T) {
	r := open(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(422) }, "+private", "RECEIVER/alarm")
	for range 5 {
		r.send(t, queue.New{})
	}
	var n struct {
		Type, Function string
		Count          int
		Last           struct{ Code string }
	}
	first := r.next(t)
	if err := json.Unmarshal([]byte(first.body), &n); err != nil || n.Type != "fnstore.dead_letters" || n.Function != "f" || n.Last.Code != "status_422" || first.RequestURI != "/alarm" {
		t.Fatalf("%s %v", first.body, err)
	}
	for deadline := time.Now().Add(patience); queuetest.Count(t, r.db, "dead") < 5; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("they do not die")
		}
	}
	if n.Count == 5 {
		return // all were dead before the first message was called
	}
	var waits time.Duration
	var body []byte
	// The first message may be in its last moments still: it is leased.
	const second = "select visible_at - now(), body from queue.message where fn = $1 and leased_by is null"
	if err := r.db.QueryRow(t.Context(), second, r.name()).Scan(&waits, &body); err != nil {
		t.Fatal(err)
	}
	already := n.Count
	if err := json.Unmarshal(body, &n); err != nil || n.Count+already != 5 || waits > time.Minute {
		t.Errorf("%d were told and %s waits for %s, %v", already, body, waits, err)
	}
	if len(r.got) != 0 {
		t.Error("told twice within a minute")
	}
}

// A function is told as any message tells it, and not of its own dead letters.
func TestNotify_AFunction(t *testing.T) {
	alarms := make(chan string, 10)
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, "/function/alarm") {
			b, _ := io.ReadAll(req.Body)
			alarms <- req.Header.Get("X-Fnstore-Signature") + string(b)
		}
		w.WriteHeader(422)
	}, "+private", "alarm")
	r.send(t, queue.New{})
	select {
	case got := <-alarms:
		if !strings.HasPrefix(got, "t=") || !strings.Contains(got, `"function":"f","count":1`) {
			t.Error(got)
		}
	case <-time.After(patience):
		t.Fatal("no alarm")
	}
	r.dead(t, "alarm") // it said 422
	if n := queuetest.Count(t, r.db, "notice"); n != 1 {
		t.Errorf("notices about %d functions", n)
	}
}
