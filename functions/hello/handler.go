// Package function is hello: it greets whoever is named. The name comes from
// the JSON member "name", or from ?name=, and is World when there is none; the
// answer is {"message":"Hello, X!"}. It keeps nothing and calls nothing.
package function

import (
	"bytes"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// Limits: of a body in bytes, of a name in characters.
const (
	maxBody = 16 << 10
	maxName = 100
)

// nobody is greeted when no name is given.
const nobody = "World"

type request struct {
	Name string `json:"name"`
}

type answer struct {
	Message string `json:"message"`
}

// Handle greets, whatever the method. A name in the body wins over one in the
// query.
func Handle(w http.ResponseWriter, r *http.Request) { wire.Serve(w, r, greet) }

func greet(w http.ResponseWriter, r *http.Request) error {
	name, err := sent(w, r)
	if err != nil {
		return err
	}
	if name == "" {
		name = strings.TrimSpace(r.URL.Query().Get("name"))
	}
	if name == "" {
		name = nobody
	}
	if err := check(name); err != nil {
		return err
	}
	return wire.JSON(w, http.StatusOK, answer{"Hello, " + name + "!"})
}

// sent reads the body as JSON whatever its Content-Type says: faas-cli sends
// text/plain, and the OpenFaaS UI and SDK send others or none.
func sent(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := wire.Body(w, r, maxBody)
	if err != nil {
		return "", err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return "", nil
	}
	var q request
	if err := wire.Decode(body, &q); err != nil {
		return "", err
	}
	return strings.TrimSpace(q.Name), nil
}

func check(name string) error {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fault.New(fault.Invalid, "bad_name", "the name holds characters that cannot be shown")
	}
	if utf8.RuneCountInString(name) > maxName {
		return fault.New(fault.Invalid, "name_too_long", "the name is longer than %d characters", maxName)
	}
	return nil
}
