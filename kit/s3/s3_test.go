package s3

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/s3/s3test"
)

func open(t *testing.T, url string) *Client {
	t.Helper()
	c, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClient_PutStatGet(t *testing.T) {
	ctx := context.Background()
	c := open(t, new(s3test.Server).Start(t))
	const key = "a b/my photo é+%41.jpg"
	etag, err := c.Put(ctx, "store", key, "image/jpeg", map[string]string{"made-by": "me"}, []byte("bytes"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.Stat(ctx, "store", key)
	if err != nil || info.ETag != etag || info.Size != 5 || info.ContentType != "image/jpeg" || info.Meta["made-by"] != "me" {
		t.Errorf("stat: %+v, %v", info, err)
	}
	o, err := c.Get(ctx, "store", key, etag)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Bytes(4); fault.Of(err).Code != "object_too_large" {
		t.Errorf("over the limit: %v", err)
	}
	if b, err := o.Bytes(5); string(b) != "bytes" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestClient_ErrorKinds(t *testing.T) {
	ctx := context.Background()
	var calls atomic.Int32
	var deny atomic.Bool
	s := &s3test.Server{Before: func(w http.ResponseWriter, r *http.Request) bool {
		calls.Add(1)
		if deny.Load() {
			s3test.Answer(w, r, 403, "SignatureDoesNotMatch")
		}
		return deny.Load()
	}}
	c := open(t, s.Start(t))
	if _, err := c.Put(ctx, "store", "k", "text/plain", nil, []byte("x")); err != nil {
		t.Fatal(err)
	}
	get := func(bucket, key, etag string) error {
		o, err := c.Get(ctx, bucket, key, etag)
		if err == nil {
			o.Close()
		}
		return err
	}
	check := func(err error, kind fault.Kind, code string) {
		t.Helper()
		if f := fault.Of(err); f.Kind != kind || f.Code != code {
			t.Errorf("%v: %s, want %s", err, f.Code, code)
		}
	}
	check(get("store", "none", ""), fault.NotFound, "no_such_object")
	check(get("nowhere", "none", ""), fault.NotFound, "no_such_bucket")
	check(get("store", "k", "other"), fault.Conflict, "object_changed")
	_, err := c.Stat(ctx, "store", "none")
	check(err, fault.NotFound, "no_such_object")
	calls.Store(0)
	deny.Store(true)
	check(get("store", "k", ""), fault.Unavailable, "s3_denied")
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls for one get: somebody tries again in secret", n)
	}
}

func TestClient_StoreDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c, err := Open("http://key:secret@" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Stat(context.Background(), "store", "k")
	if f := fault.Of(err); f.Kind != fault.Unavailable {
		t.Errorf("%v", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Error("the error tells the key")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = c.Stat(ctx, "store", "k"); fault.Of(err).Kind != fault.Timeout {
		t.Errorf("%v", err)
	}
}

// A store that stops in the middle of an object breaks the read.
func TestDial_Stall(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	_, err := (&stallConn{Conn: here, stall: time.Millisecond}).Read(make([]byte, 1))
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v", err)
	}
}

func TestObject_CutBody(t *testing.T) {
	s := &s3test.Server{Before: func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}}
	c := open(t, s.Start(t))
	o, err := c.Get(context.Background(), "store", "k", "")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Bytes(10); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestOpen_InvalidURL(t *testing.T) {
	for _, bad := range []string{
		"", "127.0.0.1:9000", "http://127.0.0.1:9000", "http://key@127.0.0.1:9000", "http://key:@127.0.0.1:9000",
		"ftp://key:hush@host", "http://key:hush@", "http://key:hush@host/bucket", "http://key:hush@host:port", "http://key:hu%zzsh@host",
	} {
		if _, err := Open(bad); err == nil {
			t.Errorf("%q was taken", bad)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%v tells the key", err)
		}
	}
	if _, err := Open("https://key:secret@[::1]:9000/?region=eu-west-1"); err != nil {
		t.Error(err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("http://key:secret@127.0.0.1:9000")
	f.Add("https://a:b@[::1]:1/?region=x")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := Open(s); (c == nil) == (err == nil) {
			t.Errorf("%v, %v", c, err)
		}
	})
}
