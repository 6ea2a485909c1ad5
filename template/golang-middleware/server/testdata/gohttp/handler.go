// Package function tells what it was given, in the form of the stock template
// golang-http.
package function

import (
	"errors"
	"fmt"
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"
)

// Handle a function invocation
func Handle(req handler.Request) (handler.Response, error) {
	switch req.Header.Get("X-Mine") {
	case "zero":
		return handler.Response{}, nil
	case "error":
		return handler.Response{Body: []byte("said"), StatusCode: 418}, errors.New("the secret cause")
	case "panic":
		panic("on purpose")
	case "wait":
		<-req.Context().Done()
	}
	_, limited := req.Context().Deadline()
	return handler.Response{
		Body:       []byte(fmt.Sprint(req.Method, " ", req.QueryString, " ", req.Header.Get("X-Mine"), " ", req.Host, " ", string(req.Body), " ", limited)),
		StatusCode: http.StatusCreated,
		Header:     http.Header{"X-Theirs": {"one"}},
	}, nil
}
