package value

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// CompareNumbers compares two numbers exactly, whatever their size: -1, 0, 1.
func CompareNumbers(a, b json.Number) int {
	if a == b {
		return 0
	}
	x, y := parse(a), parse(b)
	switch {
	case x.sign != y.sign:
		return sign(x.sign - y.sign)
	case x.sign == 0:
		return 0
	case x.magnitude != y.magnitude:
		if x.magnitude < y.magnitude {
			return -x.sign
		}
		return x.sign
	}
	return x.sign * strings.Compare(x.digits, y.digits)
}

func sign(n int) int { return min(1, max(-1, n)) }

// decimal is sign × 0.digits × 10^magnitude, without zeros around the digits.
type decimal struct {
	sign      int
	digits    string
	magnitude int
}

func parse(n json.Number) decimal {
	s, negative := strings.CutPrefix(string(n), "-")
	exponent := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(s[i+1:])
		if err != nil { // more digits than an int has: as large or small as can be
			e = math.MaxInt32
			if strings.HasPrefix(s[i+1:], "-") {
				e = -e
			}
		}
		s, exponent = s[:i], min(math.MaxInt32, max(-math.MaxInt32, e))
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits := whole + fraction
	magnitude := len(whole) + exponent
	trimmed := strings.TrimLeft(digits, "0")
	magnitude -= len(digits) - len(trimmed)
	trimmed = strings.TrimRight(trimmed, "0")
	switch {
	case trimmed == "":
		return decimal{}
	case negative:
		return decimal{-1, trimmed, magnitude}
	}
	return decimal{1, trimmed, magnitude}
}

// Whole is the number as an int, and whether it is one: 3, 3.0 and 3e0 are.
func Whole(v any) (int, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return int(i), true
	}
	f, err := n.Float64()
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int(f), true
}

// Equal is true if two values are the same JSON: the order of members and the
// way a number is written do not matter.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && CompareNumbers(a, b) == 0
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *Object:
		b, ok := b.(*Object)
		if !ok || a.Len() != b.Len() {
			return false
		}
		for k, v := range a.All() {
			w, ok := b.Get(k)
			if !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, *Object, json.Number:
		return false
	}
	return a == b
}
