// Package metrics looks at a store with the eyes of those who run one: a real
// Prometheus with the repository's rules, Alertmanager, and the queries of the
// boards.
package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const compose = "../../compose"

// program finds a program by one of its names. Without it the test is skipped,
// and fails under CI=true.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	why := "NOT CHECKED: there is no " + names[0] + " here; `sh scripts/deps.sh test` installs it"
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}

// freePort is one that nobody listens on at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run starts a server, which ends with the test, and waits until it is ready.
func run(t *testing.T, address, path string, args ...string) {
	t.Helper()
	cmd := exec.Command(path, args...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(filepath.Base(path) + ": " + said.String())
		}
	})
	until(t, filepath.Base(path)+" is ready", func() error {
		select {
		case <-ended:
			t.Fatal(filepath.Base(path), " ended")
		default:
		}
		_, err := get(t.Context(), "http://"+address+"/-/ready")
		return err
	})
}

// until waits for something that comes within seconds.
func until(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Errorf("not after a minute: %s: %v", what, err)
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %.300s", url, res.StatusCode, b)
	}
	return b, err
}

// edit writes a copy of a file with other words, each of which must be there once.
func edit(t *testing.T, from, to string, replace ...string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(replace); i += 2 {
		if strings.Count(text, replace[i]) != 1 {
			t.Fatalf("%s says %q %d times", from, replace[i], strings.Count(text, replace[i]))
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// prometheus is one that runs.
type prometheus struct{ address string }

// sample is one of an answer.
type sample struct {
	Metric map[string]string
	Value  [2]any // when, and the number as text
}

var errNone = errors.New("no samples")

// query gives the samples of an expression, without those that are no numbers.
func (p prometheus) query(ctx context.Context, expr string) (list []sample, err error) {
	b, err := get(ctx, "http://"+p.address+"/api/v1/query?query="+url.QueryEscape(expr))
	if err != nil {
		return nil, err
	}
	var answer struct{ Data struct{ Result []sample } }
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, err
	}
	for _, s := range answer.Data.Result {
		if s.Value[1] != "NaN" {
			list = append(list, s)
		}
	}
	if list == nil {
		err = errNone
	}
	return list, err
}
