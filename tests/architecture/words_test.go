package architecture

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// privateWords are words that this code once used in a sense of its own, with
// the term that its field uses.
var privateWords = map[string]string{
	"bed": "sandbox", "seat": "listener", "knock": "ping", "rouse": "scale from zero", "excuse": "map the error",
	"farewell": "reap, or ErrDraining", "dweller": "orphan", "putaway": "trash",
}

// renaming are files whose names are being changed. It ends up empty.
var renaming = []string{
	"functions/thumbnail/handler_test.go", "runtime/docker/program.go", "runtime/process/prewarm_test.go", "runtime/process/program.go",
	"runtime/provider/backend.go", "runtime/provider/slot.go", "runtime/services/raise.go", "runtime/services/redis.go", "runtime/services/stop.go",
	"tests/storetest/guard.go", "tests/storetest/storetest.go", "tests/storetest/storetest_test.go",
}

// Names and pages use the terms that a reader knows. In identifiers each word
// counts by itself, so embed and described are no matter.
func TestWords_PrivateOnesAreRefused(t *testing.T) {
	for _, f := range files(t) {
		if f.testdata() || f.path == "tests/architecture/words_test.go" {
			continue
		}
		if strings.HasSuffix(f.path, ".md") || strings.HasSuffix(f.path, ".html") {
			for i, line := range strings.Split(string(f.text), "\n") {
				for _, w := range proseWord.FindAllString(line, -1) {
					if plain, ok := private(w); ok {
						t.Errorf("%s:%d says %q: a reader would need a dictionary of this project. Say %s.", f.path, i+1, w, plain)
					}
				}
			}
		}
		if !f.isGo() || slices.Contains(renaming, f.path) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				if w, plain := privatePart(id.Name); w != "" {
					t.Errorf("%s: the name %s has %q: a reader would need a dictionary of this project. Say %s.", f.line(n), id.Name, w, plain)
				}
			}
			return true
		})
	}
}

var proseWord = regexp.MustCompile(`[A-Za-z]+`)

// private finds a word, in any of its forms, among the private ones.
func private(word string) (plain string, ok bool) {
	word = strings.ToLower(word)
	for _, ending := range []string{"", "s", "es", "d", "ed", "ing"} {
		stem, cut := strings.CutSuffix(word, ending)
		if !cut {
			continue
		}
		if plain, ok = privateWords[stem]; ok {
			return plain, true
		}
		if plain, ok = privateWords[stem+"e"]; ok && ending == "ing" {
			return plain, true
		}
	}
	return "", false
}

// privatePart looks at the words of an identifier, and at each two neighbours
// as one word.
func privatePart(name string) (word, plain string) {
	parts := nameParts(name)
	for i, p := range parts {
		if plain, ok := private(p); ok {
			return p, plain
		}
		if i > 0 {
			if plain, ok := private(parts[i-1] + p); ok {
				return parts[i-1] + p, plain
			}
		}
	}
	return "", ""
}

// nameParts splits an identifier at capitals, digits and underscores.
func nameParts(name string) (parts []string) {
	start := 0
	runes := []rune(name)
	cut := func(end int) {
		if end > start {
			parts = append(parts, string(runes[start:end]))
		}
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r):
			cut(i)
			start = i + 1
		case unicode.IsUpper(r) && (i == 0 || !unicode.IsUpper(runes[i-1])):
			cut(i)
			start = i
		}
	}
	cut(len(runes))
	return parts
}

func TestPrivatePart_Names(t *testing.T) {
	for name, want := range map[string]string{
		"bed": "bed", "newBed": "Bed", "spareBeds": "Beds", "embed": "", "described": "", "probed": "", "BED": "BED", "bed2": "bed",
		"seat": "seat", "TestSeat_Close": "Seat", "putAway": "putAway", "isPutAway": "PutAway", "inputAway": "", "knocked": "knocked",
		"rousing": "rousing", "excused": "excused", "dwellers": "dwellers", "outputs": "",
	} {
		if got, _ := privatePart(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
