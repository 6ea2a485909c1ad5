// Package function answers every request with what it was sent. Replace this
// sentence with what your function promises, and Handle with how it keeps it.
package function

import (
	"fmt"
	"io"
	"net/http"
)

// maxBody bounds what is read of a request, in bytes.
const maxBody = 1 << 20

// Handle answers one request. The context of r ends when exec_timeout is over
// or the client has left.
func Handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body could not be read", http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "Body: %s\n", body)
}
