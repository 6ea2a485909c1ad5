package signed_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"fnstore/kit/caller"
	"fnstore/kit/signed"
)

// A function whose calls have effects serves the store and its operators alone.
func ExampleOnly() {
	secrets, err := os.MkdirTemp("", "secrets")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(secrets)
	os.Setenv("secret_mount_path", secrets)
	defer os.Unsetenv("secret_mount_path")
	if err := os.WriteFile(filepath.Join(secrets, caller.Secret), []byte("thirty-two bytes or more of a key"), 0o600); err != nil {
		panic(err)
	}
	h := signed.Only(1<<10, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fmt.Println("never called") }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader("{}")))
	fmt.Println(w.Code)
	// Output: 401
}
