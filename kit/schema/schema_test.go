package schema

import (
	"encoding/json"
	"strings"
	"testing"

	"fnstore/kit/fault"
)

const page = `{"components":{"schemas":{
	"Name":{"type":"string","minLength":1,"maxLength":10},
	"User":{"type":"object","required":["name","email"],"additionalProperties":false,
		"properties":{"name":{"$ref":"#/components/schemas/Name"},"email":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string"}}}},
	"Away":{"$ref":"https://example.org/schema"}}}}`

func user(t testing.TB) *Schema {
	t.Helper()
	d, err := Open([]byte(page))
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.At("/components/schemas/User")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Seed: B23, B73
func TestCheck_SaysWhatIsWrongAndWhere(t *testing.T) {
	s := user(t)
	for body, want := range map[string]string{
		`{"name":"Anna","email":"a@example.org"}`:                "",
		` {"name":"Anna","email":"a@example.org","tags":["x"]} `: "",
		`{"name":1,"email":[]}`:                                  "/name",
		`{"name":"","email":"a@example.org"}`:                    "/name",
		`{"name":"Anna","email":"nobody"}`:                       "/email",
		`{"name":"Anna"}`:                                        "email",
		`{"name":"Anna","email":"a@example.org","role":"admin"}`: "role",
		`{"name":"Anna","email":"a@example.org","tags":[1]}`:     "/tags/0",
		`{"name":"Anna","name":"B","email":"a@example.org"}`:     "twice",
		`{"name":"Anna","Name":"B","email":"a@example.org"}`:     "twice",
		`[]`: "/", `null`: "/", `"x"`: "/", ``: "not JSON", `{`: "not JSON", `{} {}`: "not JSON", "{\"name\":\"\xff\"}": "email",
		`{"tags":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`: "nested",
	} {
		err := s.Check([]byte(body))
		if f := fault.Of(err); (err == nil) != (want == "") || err != nil && (f.Kind != fault.Invalid || !strings.Contains(f.Detail, want) || len(f.Detail) > 2000) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// A schema is what the document says and loads nothing.
func TestAt_LoadsNothing(t *testing.T) {
	d, err := Open([]byte(page))
	if err != nil {
		t.Fatal(err)
	}
	for _, pointer := range []string{"/components/schemas/Away", "/components/schemas/None"} {
		if _, err := d.At(pointer); err == nil {
			t.Errorf("%s is a schema", pointer)
		}
	}
	if _, err := Open([]byte("{")); err == nil {
		t.Error("half a document is one")
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"name":"Anna","email":"a@example.org"}`))
	f.Add([]byte(`{"name":"a\"}","tags":[{}]}`))
	s := user(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		err := s.Check(body)
		if err == nil && !json.Valid(body) || err != nil && fault.Of(err).Kind != fault.Invalid {
			t.Errorf("%q: %v", body, err)
		}
	})
}
