package stackfile

import (
	"maps"
	"slices"
)

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// nearest finds the known word that differs from word by at most two edits,
// or "" when there is none: a misspelt key is the commonest fault that
// faas-cli never mentions.
func nearest(word string, known []string) string {
	best, found := 3, ""
	if len(word) < 4 || len(word) > 40 { // short words are near to everything
		return ""
	}
	for _, k := range known {
		if d := distance(word, k); d < best {
			best, found = d, k
		}
	}
	return found
}

// distance is Levenshtein's, a row at a time.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			edit := corner
			if a[i] != b[j] {
				edit++
			}
			corner = row[j+1]
			row[j+1] = min(edit, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
