package flow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/photo/phototest"
	"fnstore/kit/queue"
	"fnstore/tests/conform/ce"
	"fnstore/tests/storetest"
)

// What the store is for, behind whichever gateway: a photo becomes thumbnails, and
// messages of the queue are delivered, one of them longer than OpenFaaS' community
// edition would queue. It knows of a gateway, an object store and a database.
func TestGateways_APhotoAndMessagesArrive(t *testing.T) {
	fits(t)
	key := "gateways/" + queue.CallID() + ".jpg"
	upload(t, shared, key, phototest.Phone(400, 300, 1))

	conn, err := pgx.Connect(t.Context(), shared.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var sent []string
	send := func(function, body string) {
		t.Helper()
		a, err := queue.Enqueue(t.Context(), conn, queue.New{Function: function, Body: []byte(body), Trusted: true})
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, a.CallID)
	}
	for range 5 {
		send("hello", `{"name":"queue"}`)
	}
	if deploys(t, "chain") {
		send("chain", fmt.Sprintf(`{"id":%q,"values":[%s1]}`, "m-"+queue.CallID(), strings.Repeat("100,", ce.MaxAsyncBody/4)))
	} else {
		t.Log("NOT CHECKED: a long message, since the function chain is not deployed")
	}
	if err := queue.Notify(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	until(t, "the messages are delivered", func() bool {
		var done, dead int
		var why string
		if err := conn.QueryRow(t.Context(), `select (select count(*) from queue.done where call_id = any($1) and status < 300), count(*), coalesce(max(fn || ': ' || code || ': ' || reason), '')
from queue.dead where call_id = any($1)`, sent).Scan(&done, &dead, &why); err != nil || dead > 0 {
			t.Fatal(dead, why, err)
		}
		return done == len(sent)
	})
	until(t, "three thumbnails", func() bool { return thumbnails(t, shared, key) == 3 })
}

// deploys tells whether the gateway has a function of this name.
func deploys(t *testing.T, name string) bool {
	t.Helper()
	var list []types.FunctionStatus
	if code := system(t.Context(), t, shared, "GET", "/system/functions", "", &list); code != http.StatusOK {
		t.Fatalf("list of functions: %d", code)
	}
	for _, f := range list {
		if f.Name == name {
			return true
		}
	}
	return false
}

// The flow tests know a gateway by its URL alone, be it fnstore's or one on the
// terms of OpenFaaS' community edition: there fnstore events does what such a
// gateway does not, and photos and messages that come while it is down are not
// lost.
func TestGateways_ByURLAndOnCEsTerms(t *testing.T) {
	fits(t)
	services := []string{"S3_ENDPOINT=" + shared.S3Endpoint, "S3_ACCESS_KEY=" + shared.S3Access, "S3_SECRET_KEY=" + shared.S3Secret}
	t.Run("fnstore", func(t *testing.T) {
		byURL(t, append(services, storetest.GatewayVar+"="+shared.URL, "POSTGRES_URL="+shared.Postgres, "FNSTORE_METRICS_URL="+shared.Env["FNSTORE_METRICS_URL"]),
			[]string{"TestCalls_Hello", "TestCalls_TheSystemApi", "TestGateways_APhotoAndMessagesArrive", "TestHops_ALoopOfFunctionsEnds", "TestUpload_APhotoBecomesThreeThumbnails"},
			[]string{"TestRotate_WhileCallsRun"})
	})
	t.Run("ce", func(t *testing.T) {
		other := anotherQueue(t)
		front := standIn(t)
		// From here on the store itself delivers no photo: whatever comes, comes
		// through the other gateway.
		must(t, ".", "", []string{"pause", "thumbnail"})
		defer must(t, ".", "", []string{"resume", "thumbnail"})
		besides(t, front.url, other)
		byURL(t, append(services, storetest.GatewayVar+"="+front.url, "POSTGRES_URL="+other),
			[]string{"TestCalls_Hello", "TestGateways_APhotoAndMessagesArrive"},
			[]string{"TestCalls_TheSystemApi", "TestUpload_APhotoBecomesThreeThumbnails"})

		front.kill()
		var keys []string
		for range 3 {
			keys = append(keys, "ce/"+queue.CallID()+".jpg")
			upload(t, shared, keys[len(keys)-1], phototest.Phone(400, 300, 1))
		}
		conn, err := pgx.Connect(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		until(t, "a photo's event waits", func() bool {
			var n int
			if err := conn.QueryRow(t.Context(), `select count(*) from queue.message where fn = 'thumbnail'`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n == len(keys)
		})
		front.serve()
		for _, key := range keys {
			until(t, "the thumbnails of "+key, func() bool { return thumbnails(t, shared, key) == 3 })
		}
	})
}

// byURL runs these tests once more in a process that knows the store from the
// environment alone: some pass, and some are skipped there.
func byURL(t *testing.T, env, pass, skipped []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^("+strings.Join(append(pass, skipped...), "|")+")$")
	cmd.Env = append(os.Environ(), append(env, storetest.PasswordVar+"="+shared.Env["OPENFAAS_PASSWORD_FILE"], "FNSTORE_BIN="+shared.Bin)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for want, names := range map[string][]string{"PASS": pass, "SKIP": skipped} {
		for _, name := range names {
			if !strings.Contains(string(out), "--- "+want+": "+name) {
				t.Errorf("%s: no %s\n%s", name, want, out)
			}
		}
	}
}

// anotherQueue is a database of its own on the store's server.
func anotherQueue(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("other_%d", time.Now().UnixNano())
	execute(t, shared.Postgres, `create database `+name)
	u, err := url.Parse(shared.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// besides runs fnstore events beside a gateway, with a queue of its own and the
// store's buckets.
func besides(t *testing.T, gateway, queueURL string) {
	t.Helper()
	state := t.TempDir()
	if err := os.MkdirAll(filepath.Join(state, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(state, "secrets", "event-key"), secretNow("event-key"))
	cmd := shared.Command("--state", state, "events", "--gateway", gateway, "--password-file", shared.Env["OPENFAAS_PASSWORD_FILE"])
	cmd.Env = append(cmd.Env, "FNSTORE_POSTGRES_URL="+queueURL, "FNSTORE_S3_URL="+shared.S3(), "FNSTORE_RECONCILE=1s")
	start(t, cmd)("messages delivered")
}

// front is a gateway on CE's terms before the shared store, always at one address.
type front struct {
	t         *testing.T
	url       string
	functions *url.URL
	kill      func()
}

func standIn(t *testing.T) *front {
	t.Helper()
	base, err := url.Parse(shared.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{t: t, url: "http://127.0.0.1:0", functions: base}
	f.serve()
	t.Cleanup(func() { f.kill() })
	return f
}

func (f *front) serve() {
	f.t.Helper()
	l, err := net.Listen("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.url = "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	srv := &http.Server{Handler: ce.New(ctx, f.functions, shared.User, shared.Password), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			f.t.Error(err)
		}
	}()
	f.kill = func() { stop(); _ = srv.Close() }
}
