package openapi

import (
	"os"
	"strings"
	"testing"
)

func TestPage_HasEverythingAndEscapesIt(t *testing.T) {
	html, err := Page([]byte(`{"info":{"title":"<script>x</script>","version":"1"},"paths":{"/a/{id}":{"get":{"operationId":"get-a","summary":"Read \"a\".",
		"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string","minLength":1,"maxLength":9}}],"security":[],
		"responses":{"200":{"description":"It.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}}},
		"components":{"schemas":{"A":{"required":["n"],"properties":{"n":{"type":"integer","minimum":1},"l":{"type":"array","items":{"type":"string"}}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"&lt;script&gt;", `<h3 id="get-a">`, "GET", "/a/{id}", "path, required", "string, 1 to 9 characters", "open to everybody", `href="#schema-A"`, "integer, at least 1", "list of string", "Read &#34;a&#34;."} {
		if !strings.Contains(string(html), want) {
			t.Errorf("no %q in\n%s", want, html)
		}
	}
	if strings.Contains(string(html), "<script") {
		t.Error("text became markup")
	}
	if _, err := Page([]byte("{")); err == nil {
		t.Error("half a document has a page")
	}
}

func FuzzPage(f *testing.F) {
	doc, err := os.ReadFile("../../functions/users/openapi.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Fuzz(func(t *testing.T, doc []byte) {
		if html, err := Page(doc); err == nil && strings.Count(string(html), "<script") > 0 {
			t.Errorf("%s", html)
		}
	})
}
