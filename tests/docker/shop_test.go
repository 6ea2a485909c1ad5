package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/tests/storetest"
)

// shop is a store whose functions are containers.
type shop struct {
	*storetest.Store
	t *testing.T
}

func (s shop) with(t *testing.T) shop { return shop{s.Store, t} }

func (s shop) system(method, path string, in any) (int, string) {
	s.t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	req.SetBasicAuth(s.User, s.Password)
	return s.do(req)
}

func (s shop) do(req *http.Request) (int, string) {
	s.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(said)
}

func (s shop) call(path string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.URL+"/function/"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	code, text := s.do(req)
	return fmt.Sprint(code, " ", text)
}

func (s shop) deploy(d types.FunctionDeployment) {
	s.t.Helper()
	if code, text := s.system(http.MethodPut, "/system/functions", d); code == 404 {
		if code, text = s.system(http.MethodPost, "/system/functions", d); code/100 != 2 {
			s.t.Fatal(code, text)
		}
	} else if code/100 != 2 {
		s.t.Fatal(code, text)
	}
}

// containers lists a function's containers in one of the engine's states.
func (s shop) containers(function, state string) []string {
	s.t.Helper()
	return strings.Fields(must(s.t, "ps", "-aq", "--no-trunc", "--filter", "label=fnstore.function="+function, "--filter", "status="+state))
}

// until waits for what the test expects.
func (s shop) until(what string, ok func() bool) {
	s.t.Helper()
	for bound := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(bound) {
			s.t.Fatalf("not so after a minute: %s", what)
		}
	}
}

func (s shop) log(function, words string) {
	s.t.Helper()
	s.until("the log of "+function+" says "+words, func() bool {
		b, _ := os.ReadFile(filepath.Join(s.State, "logs", function+".ndjson"))
		return strings.Contains(string(b), words)
	})
}
