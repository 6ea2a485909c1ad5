package objects

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestList_EqualsSortedSlice compares pages of every size with the plain
// definition: sort the keys, roll up, cut.
func TestList_EqualsSortedSlice(t *testing.T) {
	s := openStore(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "b", "é", "~", "aa", "", ".", "..", "\U0010FFFF", "\x01", "+ %"}
	seen := map[string]bool{}
	for range 120 {
		var key []string
		for range 1 + rnd.IntN(4) {
			key = append(key, parts[rnd.IntN(len(parts))])
		}
		if k := strings.Join(key, "/"); k != "" && !seen[k] {
			seen[k] = true
			put(t, s, k, "x")
		}
	}
	var keys []string
	for k := range seen {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, prefix := range []string{"", "a", "a/", "é/", "/", "\U0010FFFF", "\U0010FFFF/", "none"} {
		for _, delimiter := range []string{"", "/", "a", "é"} {
			want := rollUp(keys, prefix, delimiter)
			for _, size := range []int{1, 2, 7, 1000} {
				var got []string
				l := listing{Bucket: "box", Prefix: prefix, Delimiter: delimiter, Max: size}
				for {
					p, err := s.list(t.Context(), l)
					if err != nil {
						t.Fatal(err)
					}
					page := slices.Clone(p.Prefixes)
					for _, o := range p.Objects {
						page = append(page, o.Key)
					}
					slices.Sort(page)
					got = append(got, page...)
					if len(page) > size {
						t.Fatalf("a page of %d for %d", len(page), size)
					}
					if l.After = p.Next; p.Next == "" {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("prefix %q delimiter %q pages of %d:\ngot  %q\nwant %q", prefix, delimiter, size, got, want)
				}
			}
		}
	}
}

func rollUp(keys []string, prefix, delimiter string) (list []string) {
	for _, k := range keys {
		rest, ok := strings.CutPrefix(k, prefix)
		if !ok {
			continue
		}
		if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			k = prefix + rest[:i] + delimiter
		}
		if len(list) == 0 || list[len(list)-1] != k {
			list = append(list, k)
		}
	}
	return list
}

func TestList_StartAfter(t *testing.T) {
	s := openStore(t)
	for _, k := range []string{"a", "b/1", "b/2", "c"} {
		put(t, s, k, "x")
	}
	for after, want := range map[string]string{"": "[a c] [b/]", "a": "[c] [b/]", "b/": "[c] []", "b/1": "[c] [b/]", "b/2": "[c] []", "c": "[] []", "0": "[a c] [b/]"} {
		p, err := s.list(t.Context(), listing{Bucket: "box", Delimiter: "/", After: after, Max: 10})
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, o := range p.Objects {
			keys = append(keys, o.Key)
		}
		if got := fmt.Sprint(keys, p.Prefixes); got != want {
			t.Errorf("after %q: %s, want %s", after, got, want)
		}
	}
}
