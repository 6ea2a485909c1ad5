package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fnstore/kit/queue"
	"fnstore/tests/storetest"
)

// Every secret that the store makes rotates while it is in use: logins and reads
// of auth and users, and photos that are signed for and stored.
//
// Seed: R87
func TestRotate_WhileCallsRun(t *testing.T) {
	fits(t)
	s := shared
	var done atomic.Bool
	var calls, photos atomic.Int64
	var all sync.WaitGroup
	defer all.Wait()
	defer done.Store(true)
	secret, err := os.ReadFile(filepath.Join(s.State, "secrets/auth-admin"))
	if err != nil {
		t.Fatal(err)
	}
	status, answer := asked(t, s, "POST", "/function/auth/token", fmt.Sprintf(`{"email":"admin@localhost","password":%q}`, secret))
	var token struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(answer), &token); err != nil || token.Access == "" {
		t.Fatalf("log in: %d %s", status, answer)
	}
	authorization := []string{"Authorization", "Bearer " + token.Access}
	for range 2 {
		all.Go(func() {
			for !done.Load() {
				for _, path := range []string{"/function/users/v1/users", "/function/auth/keys"} {
					switch status, body := asked(t, s, "GET", path, "", authorization...); status {
					case http.StatusOK:
						calls.Add(1)
					case http.StatusTooManyRequests: // by Redis
						time.Sleep(20 * time.Millisecond)
					default:
						t.Errorf("%s: %d %s", path, status, body)
						return
					}
				}
			}
		})
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 300, 200))); err != nil {
		t.Fatal(err)
	}
	all.Go(func() {
		for n := 0; !done.Load(); n++ {
			if p := await(t, s, upload(t, s, fmt.Sprintf("rotate-%d.png", n), picture.Bytes())); p.State != queue.Succeeded || p.Attempts > 1 {
				t.Errorf("a photo: %+v", p)
				return
			}
			photos.Add(1)
		}
	})
	more := func(n *atomic.Int64) {
		from := n.Load()
		for end := time.Now().Add(time.Minute); n.Load() < from+2 && !t.Failed(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("no calls come to an end")
			}
		}
	}
	more(&calls)
	more(&photos)
	for _, name := range []string{"users-pg", "users-redis", "auth-pg", "auth-redis", "thumbnail-s3", "event-key", "token-key"} {
		file := filepath.Join(s.State, "secrets", name)
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Command("secret", "rotate", name).CombinedOutput()
		if err != nil {
			t.Fatalf("rotate %s: %v\n%s", name, err, out)
		}
		after, err := os.ReadFile(file)
		if err != nil || bytes.Equal(before, after) {
			t.Errorf("%s is what it was (%v)", name, err)
		}
		if strings.Contains(string(out), string(after)) {
			t.Errorf("the value of %s is printed", name)
		}
		more(&calls)
		more(&photos)
	}
	if out, err := s.Command("secret", "rotate", "event-key").CombinedOutput(); err == nil || !strings.Contains(string(out), "409") {
		t.Errorf("again at once: %v %s", err, out)
	}
	if out, err := s.Command("secret", "rotate", "nobody-pg").CombinedOutput(); err == nil || !strings.Contains(string(out), "404") {
		t.Errorf("of nobody: %v %s", err, out)
	}
	// What limits decided is on the store's metrics port, by function.
	res, err := http.Get(s.Env["FNSTORE_METRICS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	for _, want := range []string{`fnstore_limit_decisions_total{decision="allowed",function="users",policy="default"`, `fnstore_limit_degraded{function="auth",policy="login"`} {
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("the metrics have no %s (%v)", want, err)
		}
	}
	t.Logf("%d calls and %d photos during 7 rotations, none failed", calls.Load(), photos.Load())
}

// asked calls a function; header is names and values by turns.
func asked(t *testing.T, s *storetest.Store, method, path, body string, header ...string) (status int, answer string) {
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(b)
}
