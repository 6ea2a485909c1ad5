package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"

	"fnstore/runtime/secrets"
)

// variable is one line of .fnstore/env.
type variable struct{ name, value string }

// writeEnv writes what people and scripts need to reach the store, in shell
// syntax and for the owner alone. Functions never get it.
func writeEnv(path string, vars []variable) error {
	var b strings.Builder
	b.WriteString("# Written by fnstore at every start; for shells: . .fnstore/env\n")
	for _, v := range vars {
		fmt.Fprintf(&b, "export %s='%s'\n", v.name, strings.ReplaceAll(v.value, "'", `'\''`))
	}
	return secrets.WriteFile(path, []byte(b.String()), 0o600)
}

// readEnv reads what writeEnv wrote. From there on this process trusts the
// certificate that it names, as programs of a shell that has read the file do.
func readEnv(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("no store has been started here; run fnstore up, or name the folder of one with --state: %w", err)
	}
	defer f.Close()
	vars := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		if ok && len(value) >= 2 {
			vars[name] = strings.ReplaceAll(value[1:len(value)-1], `'\''`, "'")
		}
	}
	if file := vars["SSL_CERT_FILE"]; file != "" {
		trust(file)
	}
	return vars, lines.Err()
}

// trust adds a certificate to those that this process trusts anyway. A file that
// cannot be read adds none, which the next call over TLS says.
func trust(file string) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if pem, err := os.ReadFile(file); err == nil && roots.AppendCertsFromPEM(pem) {
		http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	}
}
