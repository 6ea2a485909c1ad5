package deadletter

import (
	"net/url"
	"strings"
)

// redacted stands where a credential was.
const redacted = "[redacted]"

// secretWords are parts of the names of headers and query parameters that carry
// credentials.
var secretWords = []string{"authorization", "cookie", "token", "secret", "password", "passwd", "signature", "api-key", "apikey", "api_key", "credential"}

// secret reports whether a header or parameter of this name may carry a credential.
func secret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// redact takes credentials out of what a person reads. The letter in the
// database keeps them: a retry needs them.
func redact(l *Letter) {
	for name, values := range l.Headers {
		if secret(name) {
			for i := range values {
				values[i] = redacted
			}
		}
	}
	path, query, found := strings.Cut(l.Path, "?")
	if !found {
		return
	}
	parts := strings.Split(query, "&")
	for i, p := range parts {
		name, _, _ := strings.Cut(p, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil || secret(plain) {
			parts[i] = name + "=" + redacted
		}
	}
	l.Path = path + "?" + strings.Join(parts, "&")
}
