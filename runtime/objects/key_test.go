package objects

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzKey holds that a key which is accepted goes through the store's bounds:
// UTF-8 without NUL, of the length that the index allows, and below the end of
// its own prefix.
func FuzzKey(f *testing.F) {
	for _, k := range []string{"", "a", "a//b", "x/../y", "a\x00b", "\xff", strings.Repeat("k", 1024), strings.Repeat("k", 1025), "é+ \n\t\\", "\U0010FFFF"} {
		f.Add(k)
	}
	f.Fuzz(func(t *testing.T, key string) {
		ok := key != "" && len(key) <= 1024 && utf8.ValidString(key) && !strings.ContainsRune(key, 0)
		if err := CheckKey(key); (err == nil) != ok {
			t.Fatalf("%q: %v", key, err)
		}
		if end := prefixEnd([]byte(key)); end != nil && (bytes.HasPrefix(end, []byte(key)) || bytes.Compare(end, append([]byte(key), 0xff)) <= 0) {
			t.Fatalf("%q ends at %q", key, end)
		}
	})
}
