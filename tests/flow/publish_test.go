package flow

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A function's answer is published where its header says so: by the gateway before
// the client has it, and by delivery with the message's end.
func TestPublish_AnAnswersHeader(t *testing.T) {
	fits(t)
	dir := project(t)
	must(t, dir, "", []string{"new", "teller"}, "functions/teller is made")
	t.Cleanup(func() { _, _ = fnstore(t, dir, "", "remove", "teller") })
	edit(t, filepath.Join(dir, "functions/teller/handler.go"), `return wire.JSON(`, `w.Header().Set("X-Fnstore-Publish", "tales")
	w.Header().Set("X-Fnstore-Attributes", `+"`{\"kind\":\"tale\"}`"+`)
	return wire.JSON(`)
	stack := filepath.Join(dir, "stack.yml")
	edit(t, stack, "handler: ./functions/teller\n", "handler: ./functions/teller\n    annotations:\n      fnstore.sends: topic:tales\n")
	must(t, dir, "", []string{"deploy", "teller"}, "teller serves at")
	greeter(t, "on-tales", map[string]string{"topic": "tales", "fnstore.topic.filter": `{"kind":["tale"]}`})

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shared.URL+"/function/teller", strings.NewReader(`{"text":"once"}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header["X-Fnstore-Publish"] != nil || res.Header["X-Fnstore-Attributes"] != nil {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	begun := time.Now()
	awaitEnds(t, shared, shared.Postgres, "on-tales", "bad_json") // hello, to which a text is no name
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the topic was looked at after %s: nobody told the connector", took)
	}
	if status, _ := post(t, shared, "/async-function/teller", `{"text":"upon a time"}`); status != http.StatusAccepted {
		t.Fatal(status)
	}
	awaitEnds(t, shared, shared.Postgres, "on-tales", "bad_json", "bad_json")
	awaitEnds(t, shared, shared.Postgres, "teller", "200")

	edit(t, stack, "topic:tales", "topic:others")
	must(t, dir, "", []string{"deploy", "teller", "--skip-build"}, "teller serves at")
	if status, body := post(t, shared, "/function/teller", `{"text":"secret"}`); status != http.StatusBadGateway || !strings.Contains(body, "publish_not_allowed") {
		t.Errorf("a topic that is not allowed: %d %s", status, body)
	}
	if status, _ := post(t, shared, "/async-function/teller", `{"text":"secret"}`); status != http.StatusAccepted {
		t.Fatal(status)
	}
	awaitEnds(t, shared, shared.Postgres, "teller", "200", "publish_not_allowed")
}

// edit replaces words of a file that are there once.
func edit(t *testing.T, path, from, to string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(b), from) != 1 {
		t.Fatalf("%s has %q %d times", path, from, strings.Count(string(b), from))
	}
	save(t, path, strings.Replace(string(b), from, to, 1))
}
