package objects

import (
	"strings"
	"unicode/utf8"
)

// maxKey is the longest key, in bytes (Amazon S3, "Naming objects").
const maxKey = 1024

// CheckKey reports whether a key can be stored. Any UTF-8 but NUL can: a key is
// never a path here, so dots and slashes in it mean nothing.
func CheckKey(key string) error {
	switch {
	case key == "" || !utf8.ValidString(key) || strings.ContainsRune(key, 0):
		return errInvalidKey
	case len(key) > maxKey:
		return errKeyTooLong
	}
	return nil
}

// prefixEnd is the lowest byte string above everything that starts with prefix;
// nil when there is none.
func prefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			next := append([]byte(nil), prefix[:i+1]...)
			next[i]++
			return next
		}
	}
	return nil
}
