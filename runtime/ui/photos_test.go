package ui

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/s3"
	"fnstore/runtime/migrate"
	"fnstore/runtime/objects"
	"fnstore/runtime/services/servicestest"
)

// shelf is the real object store with the page before it.
type shelf struct {
	*httptest.Server
	client *s3.Client
	events chan objects.Event
	now    queue.Progress // what progress finds
}

func openShelf(t *testing.T) *shelf {
	t.Helper()
	ctx := t.Context()
	db := servicestest.Postgres(t)
	schema, err := fs.Sub(objects.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Apply(ctx, db, []migrate.Source{{Name: "objects", FS: schema}}); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := &shelf{events: make(chan objects.Event, 10)}
	store, err := objects.Open(ctx, objects.Config{
		Pool: pool, Dir: t.TempDir(), MinFree: 1, Log: slog.New(slog.DiscardHandler),
		Keys:     []objects.Key{{ID: "admin", Secret: "sixteen-bytes-or-more", Admin: true}},
		OnChange: func(_ context.Context, _ pgx.Tx, ev objects.Event) error { s.events <- ev; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, b := range []string{"uploads", "thumbnails"} {
		if err := store.MakeBucket(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	srv := httptest.NewServer(store.Handler())
	t.Cleanup(srv.Close)
	at := strings.Replace(srv.URL, "http://", "http://admin:sixteen-bytes-or-more@", 1)
	if s.client, err = s3.Open(at); err != nil {
		t.Fatal(err)
	}
	s.Server = serve(t, func(c *Config) {
		c.S3 = at
		c.Progress = func(context.Context, string) (queue.Progress, error) { return s.now, nil }
	})
	return s
}

// photoNames are names that people have and names that people try.
var photoNames = []string{"my photo é+.jpg", "a/b c?d#e%20&f=g.png", "../../etc/passwd", ".", "<img src=x onerror=alert(1)>.png", "日本語 🌄.jpg", strings.Repeat("n", maxName)}

// Seed: R35
func TestPhotos_KeepTheirNamesAndCarryTheirCall(t *testing.T) {
	s := openShelf(t)
	for i, name := range photoNames {
		photo := bytes.Repeat([]byte{byte(i)}, 200<<10) // more than one signed chunk
		id := fmt.Sprintf("call-%d", i)
		res, body := send(t, "POST", s.URL+"/ui/photos?"+url.Values{"name": {name}}.Encode(), bytes.NewReader(photo),
			"Content-Type", "image/jpeg", "X-Call-Id", id)
		var got map[string]string
		if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != 201 || got["key"] != name || got["call_id"] != id {
			t.Fatalf("%q: %d %s", name, res.StatusCode, body)
		}
		if ev := <-s.events; ev.Key != name || ev.CallID != id || ev.Name != objects.Put {
			t.Errorf("%q: the event is %+v", name, ev)
		}
		o, err := s.client.Get(t.Context(), "uploads", name, "")
		if err != nil {
			t.Fatal(err)
		}
		stored, err := o.Bytes(1 << 20)
		if err != nil || !bytes.Equal(stored, photo) || o.ContentType != "image/jpeg" || o.Meta["call-id"] != id {
			t.Errorf("%q: %d bytes, %+v, %v", name, len(stored), o.Info, err)
		}
		_ = o.Close()
	}
}

func TestPhotos_ThatAreNotTaken(t *testing.T) {
	s := openShelf(t)
	for name, c := range map[string]struct {
		query  string
		size   int
		status int
		code   string
	}{
		"no name":        {"", 1, 400, "no_name"},
		"a long name":    {"?name=" + strings.Repeat("n", maxName+1), 1, 400, "name_too_long"},
		"a new line":     {"?name=a%0ab", 1, 400, "bad_name"},
		"NUL":            {"?name=a%00b", 1, 400, "bad_name"},
		"a C1 control":   {"?name=a%C2%85b", 1, 400, "bad_name"},
		"not UTF-8":      {"?name=%ff", 1, 400, "bad_name"},
		"nothing in it":  {"?name=a", 0, 400, "photo_empty"},
		"too much in it": {"?name=a", maxPhotoBytes + 1, 413, "photo_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			// A recorder, since a server may cut off who sends too much.
			w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/ui/photos"+c.query, bytes.NewReader(make([]byte, c.size)))
			s.Config.Handler.ServeHTTP(w, r)
			wantProblem(t, w.Result(), w.Body.String(), c.status, c.code)
		})
	}
	res, body := send(t, "POST", s.URL+"/ui/photos?name=a", struct{ *bytes.Buffer }{bytes.NewBufferString("chunked")})
	wantProblem(t, res, body, 400, "length_required")
	select {
	case ev := <-s.events:
		t.Errorf("something was stored: %+v", ev)
	default:
	}
}

func TestPhotos_HalfAPhotoIsNotStored(t *testing.T) {
	s := openShelf(t)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /ui/photos?name=half.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n%s", strings.Repeat("x", 200_000))
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil { // the browser goes on listening
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 400 {
		t.Errorf("half a photo: %s", res.Status)
	}
	if _, err := s.client.Stat(t.Context(), "uploads", "half.jpg"); fault.Of(err).Code != "no_such_object" {
		t.Errorf("half a photo is there: %v", err)
	}
}

func TestPhotos_StoreThatIsDownIsSaid(t *testing.T) {
	srv := serve(t, nil)
	res, body := send(t, "POST", srv.URL+"/ui/photos?name=a.jpg", strings.NewReader("x"))
	wantProblem(t, res, body, 503, "s3_unavailable")
}

func drawing(t *testing.T, width int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, width/2))
	img.Set(1, 1, color.White)
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func (s *shelf) ask(t *testing.T, key string) photo {
	t.Helper()
	res, body := send(t, "GET", s.URL+"/ui/photos/call-1?"+url.Values{"key": {key}}.Encode(), nil)
	var p photo
	if err := json.Unmarshal([]byte(body), &p); err != nil || res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	return p
}

// Seed: R35
func TestPhotos_ThumbnailsAppearWhenTheWorkIsDone(t *testing.T) {
	s := openShelf(t)
	for _, name := range photoNames[:6] {
		for _, width := range widths {
			if _, err := s.client.Put(t.Context(), "thumbnails", fmt.Sprintf("thumbnails/%dx/%s", width, name), "image/png", nil, drawing(t, width)); err != nil {
				t.Fatal(err)
			}
			<-s.events
		}
		s.now = queue.Progress{State: queue.Running}
		if p := s.ask(t, name); p.State != queue.Running || len(p.Thumbnails) != 0 {
			t.Errorf("%q: not done, and still %+v", name, p) // those are of an older photo
		}
		s.now = queue.Progress{State: queue.Succeeded}
		p := s.ask(t, name)
		if len(p.Thumbnails) != 3 {
			t.Fatalf("%q: %+v", name, p)
		}
		for i, th := range p.Thumbnails {
			res, body := send(t, "GET", s.URL+th.URL, nil)
			img, _, err := image.DecodeConfig(strings.NewReader(body))
			if err != nil || img.Width != widths[i] || th.Width != widths[i] || res.Header.Get("Content-Type") != "image/png" {
				t.Errorf("%q %d: %d %v %v", name, th.Width, res.StatusCode, img, err)
			}
			if h := res.Header; h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("unguarded: %v", h)
			}
			if again, _ := send(t, "GET", s.URL+th.URL, nil, "If-None-Match", res.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
				t.Errorf("asked again: %d", again.StatusCode)
			}
		}
	}
}

// Seed: R35
func TestPhotos_RefusalsHaveTheirReason(t *testing.T) {
	s := openShelf(t)
	s.now = queue.Progress{State: queue.Failed, Attempts: 1, Code: "unsupported_image", Reason: "uploads/a.png: it is not an image"}
	if p := s.ask(t, "a.png"); p.State != queue.Failed || p.Code != "unsupported_image" || p.Reason != "it is not an image" || p.Attempts != 1 {
		t.Errorf("%+v", p)
	}
	res, body := send(t, "GET", s.URL+"/ui/photos/not.an.id?key=a", nil)
	wantProblem(t, res, body, 400, "bad_call_id")
	res, body = send(t, "GET", s.URL+"/ui/photos/call-1", nil)
	wantProblem(t, res, body, 400, "no_name")
}

func TestPhotos_OnlyPicturesAreShown(t *testing.T) {
	s := openShelf(t)
	if _, err := s.client.Put(t.Context(), "thumbnails", "thumbnails/100x/page.png", "text/html", nil, []byte("<script>alert(1)</script>")); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]struct {
		status int
		code   string
	}{
		"width=100&key=page.png": {415, "not_a_thumbnail"},
		"width=200&key=page.png": {404, "no_such_object"},
		"width=1&key=page.png":   {404, "no_such_width"},
		"width=100":              {400, "no_name"},
	} {
		res, body := send(t, "GET", s.URL+"/ui/thumbnails?"+query, nil)
		wantProblem(t, res, body, want.status, want.code)
	}
}

func FuzzCheckName(f *testing.F) {
	for _, n := range photoNames {
		f.Add(n)
	}
	f.Add("a\x00b")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, name string) {
		if checkName(name) != nil {
			return
		}
		if objects.CheckKey(name) != nil {
			t.Errorf("%q is no key", name)
		}
		if strings.ContainsAny(name, "\x00\r\n\t\x1b\x7f") || len(name) > maxName {
			t.Errorf("%q was accepted", name)
		}
	})
}

// Without a function that makes thumbnails, the page takes no photos.
func TestPage_WithoutPhotos(t *testing.T) {
	srv := serve(t, func(c *Config) { c.Uploads, c.Thumbnails = "", "" })
	if _, body := send(t, "GET", srv.URL+"/ui/", nil); strings.Contains(body, `id="photos"`) {
		t.Error("the page has a place for photos")
	}
	res, body := send(t, "GET", srv.URL+"/ui/thumbnails?width=100&key=a.jpg", nil)
	wantProblem(t, res, body, 404, "no_route")
}
