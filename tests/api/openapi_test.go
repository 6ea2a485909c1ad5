package api

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	users "fnstore/functions/users"
	"fnstore/kit/schema"
)

// contract is the OpenAPI document of users, which requests and answers are
// checked with.
type contract struct {
	t        testing.TB
	doc      *schema.Document
	compiled sync.Map // of pointers to schemas
	api      struct {
		Paths map[string]map[string]struct {
			OperationID string
			RequestBody json.RawMessage
			Responses   map[string]struct{ Content map[string]json.RawMessage }
		}
	}
}

func newContract(t testing.TB) *contract {
	t.Helper()
	b, err := os.ReadFile("../../functions/users/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{t: t}
	if err := json.Unmarshal(b, &c.api); err != nil {
		t.Fatal(err)
	}
	if c.doc, err = schema.Open(b); err != nil {
		t.Fatal(err)
	}
	return c
}

func pointer(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return b.String()
}

func (c *contract) template(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if _, ok := c.api.Paths[path]; ok {
		return path
	}
	if at := strings.LastIndexByte(path, '/'); at > 0 {
		return path[:at] + "/{id}"
	}
	return path
}

// call sends a request and checks it, and the answer, against the document.
func (c *contract) call(method, base, path, body string, header ...string) reply {
	c.t.Helper()
	a := call(c.t, method, base+path, body, header...)
	c.check(method, path, body, a)
	return a
}

func (c *contract) check(method, path, body string, a reply) {
	c.t.Helper()
	template, verb := c.template(path), strings.ToLower(method)
	op, ok := c.api.Paths[template][verb]
	if !ok {
		if a.status != 404 && a.status != 405 {
			c.t.Errorf("%s %s is not in the document, and answers %d", method, path, a.status)
		}
		return
	}
	if op.RequestBody != nil {
		err := c.at("paths", template, verb, "requestBody", "content", "application/json", "schema").Check([]byte(body))
		if err != nil && a.status < 400 || err == nil && a.get("code") == "invalid_body" {
			c.t.Errorf("%s %s with %.80s: the document says %v, and the answer is %d", method, path, body, err, a.status)
		}
	}
	res, ok := op.Responses[fmt.Sprint(a.status)]
	if !ok {
		c.t.Errorf("%s %s answers %d, which the document does not have: %s", method, path, a.status, a.body)
		return
	}
	if len(res.Content) == 0 {
		if len(a.body) > 0 {
			c.t.Errorf("%s %s: %d has a body: %s", method, path, a.status, a.body)
		}
		return
	}
	kind := a.header.Get("Content-Type")
	if _, ok := res.Content[kind]; !ok {
		c.t.Errorf("%s %s: %d has the type %q, which the document does not have", method, path, a.status, kind)
		return
	}
	if strings.HasSuffix(kind, "json") {
		if err := c.at("paths", template, verb, "responses", fmt.Sprint(a.status), "content", kind, "schema").Check(a.body); err != nil {
			c.t.Errorf("%s %s: %d %s: %v", method, path, a.status, a.body, err)
		}
	}
}

func (c *contract) at(parts ...string) *schema.Schema {
	c.t.Helper()
	name := pointer(parts...)
	if s, ok := c.compiled.Load(name); ok {
		return s.(*schema.Schema)
	}
	s, err := c.doc.At(name)
	if err != nil {
		c.t.Error(err)
		return nil
	}
	c.compiled.Store(name, s)
	return s
}

// The document has every route of the function, by its name, and no other.
//
// Seed: R59
func TestOpenAPI_IsWhatIsServed(t *testing.T) {
	h, err := users.Open(func(string) string { return "" }, func(string) (string, error) { return "", nil })
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, r := range h.Routes {
		want = append(want, r.Method+" "+r.Path+" "+r.Op)
	}
	c := newContract(t)
	for path, ops := range c.api.Paths {
		for verb, op := range ops {
			got = append(got, strings.ToUpper(verb)+" "+path+" "+op.OperationID)
			for status, res := range op.Responses {
				for kind, raw := range res.Content {
					if strings.Contains(string(raw), "schema") {
						c.at("paths", path, verb, "responses", status, "content", kind, "schema")
					}
				}
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the document has\n%s\nand the function\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
