// Command bare echoes on the address it is given, with net/http and nothing else.
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	panic(http.ListenAndServe(os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})))
}
