package schema_test

import (
	"fmt"

	"fnstore/kit/schema"
)

func ExampleSchema_Check() {
	doc, err := schema.Open([]byte(`{"components":{"schemas":{"User":{
		"type":"object","required":["email"],"additionalProperties":false,
		"properties":{"email":{"type":"string","maxLength":254}}}}}}`))
	if err != nil {
		panic(err)
	}
	user, err := doc.At("/components/schemas/User")
	if err != nil {
		panic(err)
	}
	for _, body := range []string{`{"email":"ada@example.org"}`, `{"email":1}`, `{"email":"a","email":"b"}`, `{`} {
		fmt.Println(user.Check([]byte(body)) == nil)
	}
	// Output:
	// true
	// false
	// false
	// false
}
