package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/redis/go-redis/v9"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/tests/storetest"
)

// withSQL is a project in a folder of its own with a function that has tables,
// built into the store's registry. It gives the image.
func withSQL(t *testing.T, name string) (image string) {
	t.Helper()
	dir := project(t)
	must(t, dir, "", []string{"new", name}, "is made")
	at := filepath.Join(dir, "functions", name)
	if err := os.Mkdir(filepath.Join(at, "migrations"), 0o755); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(at, "migrations", "00001_entry.sql"), "-- +goose Up\ncreate table entry (n int);\n")
	save(t, filepath.Join(at, "grants.sql"), "grant select, insert on entry to :role;\n")
	must(t, dir, "", []string{"build", "--filter", name})
	return shared.Env["FNSTORE_REGISTRY"] + "/fnstore/" + name + ":dev"
}

// deployed sends a deployment as any client of the gateway may, such as faas-cli.
func deployed(t *testing.T, method, name, image string, secrets []string, annotations map[string]string) (status int) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"service": name, "image": image, "secrets": secrets, "annotations": annotations})
	if err != nil {
		t.Fatal(err)
	}
	return system(t.Context(), t, shared, method, "/system/functions", string(body), nil)
}

// secretNow is the value that a secret has at this moment, "" for none.
func secretNow(name string) string {
	b, _ := os.ReadFile(filepath.Join(shared.State, "secrets", name))
	return string(b)
}

// s3As is an S3 client with a function's key.
func s3As(t *testing.T, secret string) *minio.Client {
	t.Helper()
	u, err := url.Parse(secret)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := u.User.Password()
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(u.User.Username(), key, ""), Region: "us-east-1", MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t *testing.T, c *minio.Client, bucket, key, callID string) error {
	t.Helper()
	_, err := c.PutObject(t.Context(), bucket, key, bytes.NewReader([]byte("{}")), 2,
		minio.PutObjectOptions{ContentType: "application/json", UserMetadata: map[string]string{"call-id": callID}})
	return err
}

// A function that is deployed by whichever client, from whichever folder, has
// all that it needs when the gateway has accepted it; removed, it has nothing
// left but its data.
func TestNeeds_FollowWhatIsDeployed(t *testing.T) {
	fits(t)
	const name = "ledger"
	image := withSQL(t, name)
	all := []string{"event-key", "ledger-pg", "ledger-redis", "ledger-s3"}
	annotations := map[string]string{"fnstore.s3.watch": "ledger-in", "fnstore.s3.write": "ledger-out", "fnstore.sends": "hello"}
	if status := deployed(t, "POST", name, image, all, annotations); status != http.StatusAccepted {
		t.Fatalf("deploy: %d", status)
	}
	t.Cleanup(func() { _, _ = fnstore(t, shared.Root, "", "remove", name) })

	pg, s3, rd := secretNow("ledger-pg"), secretNow("ledger-s3"), secretNow("ledger-redis")
	conn, err := pgx.Connect(t.Context(), pg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "insert into entry values (1)"); err != nil {
		t.Error(err)
	}
	if _, err := conn.Exec(t.Context(), "delete from entry"); err == nil {
		t.Error("the login may do more than grants.sql says")
	}
	sent, err := queue.Send(t.Context(), conn, queue.Outgoing{Target: "hello", Body: []byte(`{"name":"queue"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if p := await(t, shared, sent.CallID); p.State != queue.Succeeded {
		t.Errorf("what it sent: %+v", p)
	}
	if _, err := queue.Send(t.Context(), conn, queue.Outgoing{Target: "thumbnail"}); fault.Of(err).Code != "send_not_allowed" {
		t.Errorf("a target that is not its own: %v", err)
	}
	own := s3As(t, s3)
	if err := put(t, own, "ledger-out", "a.json", "x-1"); err != nil {
		t.Error(err)
	}
	if err := put(t, own, "uploads", "a.json", "x-2"); err == nil {
		t.Error("its key writes to another's bucket")
	}
	event := queue.CallID()
	if err := put(t, bucket(t, shared), "ledger-in", "b.json", event); err != nil {
		t.Fatal(err)
	}
	// It arrives; the starter's handler reads no events and says so.
	if p := await(t, shared, event); p.Attempts != 1 || p.Code != "bad_json" {
		t.Errorf("the event of an object: %+v", p)
	}
	opt, err := redis.ParseURL(rd)
	if err != nil {
		t.Fatal(err)
	}
	rc := redis.NewClient(opt)
	defer rc.Close()
	if err := rc.Set(t.Context(), "ledger:k", "v", time.Minute).Err(); err != nil {
		t.Error(err)
	}
	if err := rc.Set(t.Context(), "other:k", "v", time.Minute).Err(); err == nil {
		t.Error("its Redis user writes another's keys")
	}

	// Another version needs less, and a rollback needs it again.
	if status := deployed(t, "PUT", name, image, []string{"ledger-pg"}, map[string]string{"fnstore.s3.read": "ledger-out"}); status != http.StatusAccepted {
		t.Fatalf("deploy again: %d", status)
	}
	if secretNow("ledger-redis") != "" || secretNow("ledger-pg") != pg {
		t.Error("its secrets are not those of the new version")
	}
	if err := put(t, own, "ledger-out", "c.json", "x-3"); err == nil {
		t.Error("it still writes where the new version only reads")
	}
	if _, err := queue.Send(t.Context(), conn, queue.Outgoing{Target: "hello"}); fault.Of(err).Code != "send_not_allowed" {
		t.Errorf("it still sends: %v", err)
	}
	must(t, shared.Root, "", []string{"rollback", name})
	if err := put(t, own, "ledger-out", "d.json", "x-4"); err != nil || secretNow("ledger-redis") == "" {
		t.Errorf("after the rollback: %v", err)
	}
	// A version that is refused changes nothing.
	for want, bad := range map[string]map[string]string{"a place": {"fnstore.s3.watch": "No Bucket"}, "a target": {"fnstore.sends": "No Name"}} {
		if status := deployed(t, "PUT", name, image, []string{"ledger-pg"}, bad); status != http.StatusBadRequest {
			t.Errorf("%s that is none: %d", want, status)
		}
	}
	if status := deployed(t, "PUT", name, image, []string{"ledger-pg", "nobody-made-this"}, nil); status != http.StatusBadRequest {
		t.Errorf("a secret that is not there: %d", status)
	}
	if err := put(t, own, "ledger-out", "e.json", "x-5"); err != nil {
		t.Errorf("after refused versions: %v", err)
	}

	must(t, shared.Root, "", []string{"remove", name})
	if _, err := pgx.Connect(t.Context(), pg); err == nil {
		t.Error("the login works after the removal")
	}
	if err := put(t, own, "ledger-out", "f.json", "x-6"); minio.ToErrorResponse(err).Code != "InvalidAccessKeyId" {
		t.Errorf("the key after the removal: %v", err)
	}
	again := redis.NewClient(opt)
	defer again.Close()
	if err := again.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("the Redis user after the removal: %v", err)
	}
	unseen := queue.CallID()
	if err := put(t, bucket(t, shared), "ledger-in", "g.json", unseen); err != nil {
		t.Errorf("data is not there any more: %v", err)
	}
	var p queue.Progress
	if system(t.Context(), t, shared, "GET", "/system/calls/"+unseen, "", &p); p.State != queue.Unknown {
		t.Errorf("the watch after the removal: %+v", p)
	}
	if list := must(t, shared.Root, "", []string{"secret", "list"}); strings.Contains(list, "ledger-") {
		t.Errorf("its secrets are left: %s", list)
	}
	if status := deployed(t, "POST", name, image, all, annotations); status != http.StatusAccepted {
		t.Fatalf("deploy after the removal: %d", status)
	}
	conn2, err := pgx.Connect(t.Context(), secretNow("ledger-pg"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn2.Close(context.WithoutCancel(t.Context()))
	var n int
	if err := conn2.QueryRow(t.Context(), "select count(*) from entry").Scan(&n); err != nil || n != 1 {
		t.Errorf("its rows after it came back: %d, %v", n, err)
	}
}

// Bad SQL in an image refuses the deployment, in words for whoever wrote it.
func TestNeeds_BadSQLIsRefused(t *testing.T) {
	fits(t)
	dir := project(t)
	must(t, dir, "", []string{"new", "broken"}, "is made")
	save(t, filepath.Join(dir, "functions", "broken", "grants.sql"), "grant select on queue.message to :role;\n")
	must(t, dir, "", []string{"build", "--filter", "broken"})
	image := shared.Env["FNSTORE_REGISTRY"] + "/fnstore/broken:dev"
	if status := deployed(t, "POST", "broken", image, []string{"broken-pg"}, nil); status != http.StatusUnprocessableEntity {
		t.Errorf("deploy: %d", status)
	}
	if status := system(t.Context(), t, shared, "GET", "/system/function/broken", "", nil); status != http.StatusNotFound {
		t.Errorf("the function is there: %d", status)
	}
	if secretNow("broken-pg") != "" {
		t.Error("a secret is left")
	}
}

// A store that was killed comes back with what its functions have, and the same
// passwords; what vanished with it is made again before a request is served.
func TestNeeds_AfterAKill(t *testing.T) {
	fits(t)
	s := storetest.Start(t)
	body := `{"service":"keeper","image":"` + s.Env["FNSTORE_REGISTRY"] + `/fnstore/hello:dev","secrets":["keeper-pg","keeper-redis"],
		"annotations":{"fnstore.s3.watch":"keeper-in","fnstore.s3.write":"keeper-out","fnstore.sends":"hello"}}`
	if status := system(t.Context(), t, s, "POST", "/system/functions", body, nil); status != http.StatusAccepted {
		t.Fatalf("deploy: %d", status)
	}
	read := func(name string) *url.URL {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(s.State, "secrets", name))
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(string(b))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	before := map[string]string{}
	for _, name := range []string{"keeper-pg", "keeper-redis", "keeper-s3"} {
		before[name] = read(name).User.String()
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	// Redis is ended too, and forgets its users.
	if opt, err := redis.ParseURL(s.Redis); err != nil {
		t.Error(err)
	} else {
		c := redis.NewClient(opt)
		_ = c.ShutdownNoSave(t.Context()).Err() // the connection ends without an answer
		_ = c.Close()
	}
	if err := s.Up(); err != nil {
		t.Fatal(err)
	}
	for name, user := range before {
		if got := read(name).User.String(); got != user {
			t.Errorf("%s has another login after the restart", name)
		}
	}
	conn, err := pgx.Connect(t.Context(), read("keeper-pg").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	sent, err := queue.Send(t.Context(), conn, queue.Outgoing{Target: "hello", Body: []byte(`{"name":"queue"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if p := await(t, s, sent.CallID); p.State != queue.Succeeded {
		t.Errorf("what it sent: %+v", p)
	}
	opt, err := redis.ParseURL(read("keeper-redis").String())
	if err != nil {
		t.Fatal(err)
	}
	rc := redis.NewClient(opt)
	defer rc.Close()
	if err := rc.Set(t.Context(), "keeper:k", "v", time.Minute).Err(); err != nil {
		t.Error(err)
	}
	if err := put(t, s3As(t, read("keeper-s3").String()), "keeper-out", "a.json", "x-1"); err != nil {
		t.Error(err)
	}
	event := queue.CallID()
	if err := put(t, bucket(t, s), "keeper-in", "b.json", event); err != nil {
		t.Fatal(err)
	}
	if p := await(t, s, event); p.State == queue.Unknown || p.Attempts == 0 {
		t.Errorf("the event of an object: %+v", p)
	}
}
