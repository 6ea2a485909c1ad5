// Package function echoes, as bare does.
package function

import (
	"io"
	"net/http"
)

// Handle answers with the body.
func Handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Write(body)
}
