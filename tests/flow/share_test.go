package flow

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"fnstore/kit/photo/phototest"
	"fnstore/kit/queue"
)

// Several processes of one function and calls of another work at once on one
// object store and one queue, some on the same object: every message is done,
// and what is left belongs to the last photo of each name.
//
// Seed: R3
func TestShare_FunctionsThatShareTheirStoresStayRight(t *testing.T) {
	fits(t)
	scale := func(n int) {
		t.Helper()
		body := fmt.Sprintf(`{"serviceName":"thumbnail","replicas":%d}`, n)
		if code := system(context.WithoutCancel(t.Context()), t, shared, "POST", "/system/scale-function/thumbnail", body, nil); code >= 300 {
			t.Errorf("scale: %d", code)
		}
	}
	scale(3)
	t.Cleanup(func() { scale(1) })
	const names, rounds = 4, 3
	var all sync.WaitGroup
	for n := range names {
		all.Go(func() {
			key := fmt.Sprintf("shared/%d.png", n)
			var ids []string
			for round := range rounds { // the last one is the widest: its thumbnails are the lowest
				ids = append(ids, upload(t, shared, key, phototest.PNG(phototest.Scene(800, 200*(rounds-round)))))
			}
			for _, id := range ids {
				if p := await(t, shared, id); p.State != queue.Succeeded {
					t.Errorf("%s: %+v", key, p)
				}
			}
		})
		all.Go(func() {
			for range 20 {
				if code, body := post(t, shared, "/function/hello?name="+strconv.Itoa(n), ""); code != http.StatusOK || !strings.Contains(body, "Hello, "+strconv.Itoa(n)+"!") {
					t.Errorf("%d %s", code, body)
				}
			}
		})
	}
	all.Wait()
	for n := range names {
		key := fmt.Sprintf("shared/%d.png", n)
		if made := thumbnails(t, shared, key); made != 3 {
			t.Errorf("%s: %d thumbnails", key, made)
		}
		for _, width := range []int{100, 200, 400} {
			b, _ := thumbnail(t, shared, width, key)
			if m, _ := decode(t, b); m.Bounds().Size() != image.Pt(width, width/4) {
				t.Errorf("%s, %d wide: %v, of an earlier photo", key, width, m.Bounds().Size())
			}
		}
	}
}

// A photo of twelve megapixels, as telephones make them, is done by a function
// that may have 128 MiB. How long it took is printed and not judged; kit/photo
// measures the work by itself.
//
// Seed: R7
func TestShare_TwelveMegapixelsIn128MiB(t *testing.T) {
	fits(t)
	f := status(t, shared, "thumbnail")
	if f.Limits == nil || f.Limits.Memory != "128Mi" {
		t.Fatalf("limits %+v", f.Limits)
	}
	const key = "twelve.jpg"
	id := upload(t, shared, key, phototest.JPEG(phototest.Photo(4000, 3000)))
	if p := await(t, shared, id); p.State != queue.Succeeded || p.Attempts != 1 {
		t.Fatalf("%+v\n%s", p, shared.Logs())
	}
	for _, width := range []int{100, 200, 400} {
		b, _ := thumbnail(t, shared, width, key)
		if m, _ := decode(t, b); m.Bounds().Size() != image.Pt(width, width*3/4) {
			t.Errorf("%d wide: %v", width, m.Bounds().Size())
		}
	}
	peaks, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, path := range peaks {
		if !ofShared(filepath.Dir(path)) || !isThumbnail(filepath.Dir(path)) {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		found = true
		_, rest, _ := strings.Cut(string(b), "VmHWM:")
		if kib, err := strconv.Atoi(strings.Fields(rest)[0]); err != nil || kib > 128<<10 {
			t.Errorf("a process of it has held %d KiB, %v", kib, err)
		} else {
			t.Logf("peak %d MiB; took %s s", kib>>10, tookOf(t, id))
		}
	}
	if !found {
		t.Log("NOT CHECKED: the peak; the processes of functions cannot be looked at here")
	}
}

// ofShared is true for a process of the shared store's functions: one of its
// folder, or in a container of the engine, which has no other store's then.
func ofShared(dir string) bool {
	exe, err := os.Readlink(filepath.Join(dir, "exe"))
	return err == nil && shared.State != "" && (machine != nil || strings.HasPrefix(exe, shared.State))
}

// isThumbnail looks into a process' environment, which root alone may do.
func isThumbnail(dir string) bool {
	env, err := os.ReadFile(filepath.Join(dir, "environ"))
	return err == nil && bytes.Contains(env, []byte("OPENFAAS_NAME=thumbnail\x00"))
}

// tookOf is the duration that the function's own log has for a call.
func tookOf(t *testing.T, id string) (seconds string) {
	t.Helper()
	out, err := shared.Command("logs", "thumbnail", "-n", "200").Output()
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		_, text, _ := strings.Cut(lines.Text(), "{")
		var l struct {
			CallID   string      `json:"call_id"`
			Duration json.Number `json:"duration"`
		}
		if json.Unmarshal([]byte("{"+text), &l) == nil && l.CallID == id {
			seconds = l.Duration.String()
		}
	}
	return seconds
}
