package openapi_test

import (
	"fmt"
	"strings"

	"fnstore/kit/openapi"
)

// A function serves its document, and this page beside it.
func ExamplePage() {
	page, err := openapi.Page([]byte(`{"openapi":"3.1.0","info":{"title":"Greetings","version":"1"},
		"paths":{"/hello":{"get":{"summary":"Greet","responses":{"200":{"description":"A greeting"}}}}}}`))
	fmt.Println(strings.Contains(string(page), "Greetings"), strings.Contains(string(page), "<script"), err)
	// Output: true false <nil>
}
