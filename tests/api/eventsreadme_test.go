package api

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
)

// invoke is `fnstore invoke` in shell: it signs a call as the command does, with
// the key $KEY, and sends it to $GATEWAY.
const invoke = `
set -eu
fnstore() {
  local method=POST path=/ query= type=text/plain id t sum mac
  shift
  while [ $# -gt 1 ]; do
    case $1 in
      -m) method=$2 ;; -p) path=$2 ;; -q) query="${query:+$query&}$2" ;; --content-type) type=$2 ;;
    esac
    shift 2
  done
  cat > body.$$
  id=readme-$RANDOM-$RANDOM t=$(date +%s) path=$path${query:+?$query}
  sum=$(openssl dgst -sha256 -r < body.$$ | cut -d' ' -f1)
  mac=$(printf '%s\n%s\n%s\n%s\n%s' "$t" "$method" "$path" "$id" "$sum" | openssl dgst -sha256 -hmac "$KEY" -r | cut -d' ' -f1)
  curl -sS --fail-with-body -X "$method" "$GATEWAY/function/$1$path" -H "Content-Type: $type" \
    -H "X-Call-Id: $id" -H "X-Fnstore-Signature: t=$t,v1=$mac" --data-binary @body.$$
}
`

// walk runs what the page of a function says to try, and gives its output.
func walk(t *testing.T, fn string, functions map[string]http.Handler) string {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "openssl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "true" {
				t.Skipf("%s is not installed", tool)
			}
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("../../functions/" + fn + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := fence.FindSubmatch(page)
	if m == nil {
		t.Fatalf("the page of %s has nothing to try", fn)
	}
	gateway := httptest.NewServer(gatewayOf(functions))
	defer gateway.Close()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", invoke+string(m[1]))
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GATEWAY="+gateway.URL, "KEY="+eventKey)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// gatewayOf serves functions under the paths of a gateway. A function sees the
// target that its caller signed.
func gatewayOf(functions map[string]http.Handler) http.Handler {
	mux := http.NewServeMux()
	for name, h := range functions {
		for _, prefix := range []string{"/function/" + name, "/function/" + name + ".openfaas-fn"} {
			serve := http.StripPrefix(prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "" {
					r.URL.Path = "/"
				}
				r.RequestURI = r.URL.RequestURI()
				h.ServeHTTP(w, r)
			}))
			mux.Handle(prefix, serve)
			mux.Handle(prefix+"/", serve)
		}
	}
	return mux
}
