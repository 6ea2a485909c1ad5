// Package function is probe: it answers with what it was sent.
package function

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// Handle answers with the request as JSON, or with as many bytes as ?bytes= says.
func Handle(w http.ResponseWriter, r *http.Request) {
	sent, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("bytes")); err == nil {
		_, _ = w.Write(make([]byte, n))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"host": r.Host, "header": r.Header, "sent": sent})
}
