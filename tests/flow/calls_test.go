package flow

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/wire"
)

// Seed: R9, R23, R28
func TestCalls_Hello(t *testing.T) {
	fits(t)
	for path, want := range map[string]string{"/function/hello": "Hello, OpenFaaS!", "/function/hello.openfaas-fn": "Hello, OpenFaaS!"} {
		if status, body := post(t, shared, path, `{"name":"OpenFaaS"}`); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := post(t, shared, "/function/hello?name=edge", ""); status != 200 || !strings.Contains(body, "Hello, edge!") {
		t.Errorf("%d %s", status, body)
	}
	res, err := http.Get(shared.URL + "/function/nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNotFound || res.Header.Get(wire.CallID) == "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if fnstores(t) && res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%v", res.Header)
	}
}

// The commands that README shows.
//
// Seed: R28
func TestCalls_TheCommandLine(t *testing.T) {
	fits(t)
	invoke := shared.Command("invoke", "hello")
	invoke.Stdin = strings.NewReader(`{"name":"pipe"}`)
	for _, c := range []struct {
		cmd  *exec.Cmd
		want string
	}{
		{invoke, "Hello, pipe!"},
		{shared.Command("list"), "thumbnail 1/1"},
		{shared.Command("logs", "hello", "-n", "5"), `"msg":"request"`},
		{shared.Command("version"), "fnstore"},
		{shared.Command("s3", "ls", "uploads"), ""},
		{shared.Command("dlq", "list"), "REASON"},
	} {
		out, err := c.cmd.CombinedOutput()
		if words := strings.Join(strings.Fields(string(out)), " "); err != nil || !strings.Contains(words, c.want) {
			t.Errorf("%v: %v\n%s", c.cmd.Args[1:], err, out)
		}
	}
	if out, err := shared.Command("invoke", "nobody").CombinedOutput(); err == nil || !strings.Contains(string(out), "function_not_found") {
		t.Errorf("invoke nobody: %v %s", err, out)
	}
}

// A function with effects takes calls of the event plane and of the operator.
func TestCalls_ThumbnailTakesNoStrangersCall(t *testing.T) {
	fits(t)
	event := `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"uploads"},"object":{"key":"nothing-there.jpg"}}}]}`
	status, body := post(t, shared, "/function/thumbnail", event)
	if status != http.StatusUnauthorized || !strings.Contains(body, "unsigned_call") {
		t.Errorf("%d %s", status, body)
	}
	signed := shared.Command("invoke", "thumbnail")
	signed.Stdin = strings.NewReader(event)
	if out, err := signed.CombinedOutput(); err != nil || !strings.Contains(string(out), "gone") {
		t.Errorf("the operator's call: %v %s", err, out)
	}
}

func TestCalls_TheSystemApi(t *testing.T) {
	fits(t)
	var list []types.FunctionStatus
	if status := system(t.Context(), t, shared, "GET", "/system/functions", "", &list); status != 200 || len(list) < 5 || list[0].AvailableReplicas != 1 {
		t.Errorf("%d %+v", status, list)
	}
	if res, err := http.Get(shared.URL + "/system/functions"); err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the password: %v %v", res, err)
	}
	if status := system(t.Context(), t, shared, "POST", "/system/functions", `{"service":"x","image":"127.0.0.1:1/none:dev"}`, nil); status < 400 || status > 503 {
		t.Errorf("an image that is not there: %d", status)
	}
	if res, err := http.Get(shared.Env["FNSTORE_METRICS_URL"]); err != nil || res.StatusCode != 200 {
		t.Errorf("metrics: %v %v", res, err)
	}
}

// Each function has a login of its own that may do nothing it was not granted,
// and an S3 key that opens its own buckets alone.
//
// Seed: R44
func TestCalls_FunctionsHaveTheLeast(t *testing.T) {
	fits(t)
	secret := func(name string) string {
		b, err := os.ReadFile(shared.State + "/secrets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, fn := range []string{"auth", "users", "webhook"} {
		conn, err := pgx.Connect(t.Context(), secret(fn+"-pg"))
		if err != nil {
			t.Fatalf("%s: %v", fn, err)
		}
		if _, err := conn.Exec(t.Context(), "select * from queue.message"); err == nil {
			t.Errorf("%s reads the queue", fn)
		}
		_ = conn.Close(t.Context())
	}
	u := strings.TrimPrefix(secret("thumbnail-s3"), "http://")
	key, host, _ := strings.Cut(u, "@")
	id, pass, _ := strings.Cut(key, ":")
	c, err := minio.New(host, &minio.Options{Creds: credentials.NewStaticV4(id, pass, ""), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket(t, shared).MakeBucket(t.Context(), "private", minio.MakeBucketOptions{}); err != nil && minio.ToErrorResponse(err).Code != "BucketAlreadyOwnedByYou" {
		t.Log(err)
	}
	body := func() *strings.Reader { return strings.NewReader("x") }
	if _, err := c.PutObject(t.Context(), "uploads", "x", body(), 1, minio.PutObjectOptions{}); minio.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("it writes where it only reads: %v", err)
	}
	if _, err := c.PutObject(t.Context(), "private", "x", body(), 1, minio.PutObjectOptions{}); minio.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("it writes where it has nothing to do: %v", err)
	}
	env, err := os.ReadFile(shared.State + "/env")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(shared.State + "/env")
	if err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(string(env), "S3_SECRET_KEY=") {
		t.Errorf("env: %v, %v", info.Mode(), err)
	}
}
