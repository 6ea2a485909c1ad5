// Package function answers every request with what it was sent. Replace this
// sentence with what your function promises, and Handle with how it keeps it.
package function

import handler "github.com/openfaas/templates-sdk/go-http"

// Handle answers one request. Its context ends when exec_timeout is over or
// the client has left.
func Handle(req handler.Request) (handler.Response, error) {
	return handler.Response{Body: append([]byte("Body: "), req.Body...)}, nil
}
