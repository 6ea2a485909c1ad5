package tabular

import (
	"strconv"
	"strings"
)

// checkInt checks a whole number of so many bytes.
func checkInt(v string, size int) string {
	digits := v
	negative := v != "" && v[0] == '-'
	if negative || v != "" && v[0] == '+' {
		digits = v[1:]
	}
	if digits == "" {
		return "invalid_value"
	}
	most := uint64(1)<<(8*size-1) - 1
	if negative {
		most++
	}
	n, over := uint64(0), false
	for i := range len(digits) {
		c := digits[i] - '0'
		if c > 9 {
			return "invalid_value"
		}
		if n > (most-uint64(c))/10 {
			over = true
		} else {
			n = n*10 + uint64(c)
		}
	}
	if over {
		return "out_of_range"
	}
	return ""
}

// decimal is a number's text in parts: 1200e-3 is "1200", "", -3.
type decimal struct {
	whole, part string // digits
	exponent    int
}

// maxExponent bounds what is computed with; numeric ends far below.
const maxExponent = 1_000_000

// splitDecimal reads digits with or without a point and an exponent.
func splitDecimal(v string) (d decimal, ok bool) {
	if v != "" && (v[0] == '-' || v[0] == '+') {
		v = v[1:]
	}
	i := digitsEnd(v, 0)
	d.whole = v[:i]
	if i < len(v) && v[i] == '.' {
		end := digitsEnd(v, i+1)
		d.part = v[i+1 : end]
		i = end
	}
	if d.whole == "" && d.part == "" {
		return d, false
	}
	if i == len(v) {
		return d, true
	}
	if v[i]|0x20 != 'e' {
		return d, false
	}
	v = v[i+1:]
	negative := v != "" && v[0] == '-'
	if negative || v != "" && v[0] == '+' {
		v = v[1:]
	}
	if v == "" || digitsEnd(v, 0) != len(v) {
		return d, false
	}
	for i := 0; i < len(v) && d.exponent < maxExponent; i++ {
		d.exponent = d.exponent*10 + int(v[i]-'0')
	}
	if negative {
		d.exponent = -d.exponent
	}
	return d, true
}

func digitsEnd(v string, i int) int {
	for i < len(v) && v[i]-'0' <= 9 {
		i++
	}
	return i
}

// zero says whether the number is 0 whatever its exponent.
func (d decimal) zero() bool {
	return strings.Trim(d.whole, "0") == "" && strings.Trim(d.part, "0") == ""
}

// checkFloat checks a float8. NaN and Infinity are floats.
func checkFloat(v string) string {
	d, ok := splitDecimal(v)
	if !ok {
		switch strings.ToLower(strings.TrimLeft(v, "+-")) {
		case "nan", "inf", "infinity":
			if len(v) > 1 && strings.IndexByte("+-", v[1]) < 0 {
				return ""
			}
		}
		return "invalid_value"
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || f == 0 && !d.zero() {
		return "out_of_range"
	}
	return ""
}

// What numeric holds: digits before and behind the point.
const (
	maxWhole = 131072
	maxScale = 16383
)

// checkNumeric checks a number of any length, or of so many digits of which
// scale are behind the point.
func checkNumeric(v string, digits, scale int) string {
	d, ok := splitDecimal(v)
	if !ok {
		return "invalid_value"
	}
	// A zero has no digits, but its exponent counts for its scale.
	if len(d.part)-d.exponent > maxScale || d.exponent > maxWhole {
		return "out_of_range"
	}
	all := strings.TrimLeft(d.whole, "0")
	whole := len(all) + d.exponent
	if all == "" {
		stripped := strings.TrimLeft(d.part, "0")
		whole = d.exponent - (len(d.part) - len(stripped))
		if stripped == "" {
			return ""
		}
	}
	switch {
	case whole > maxWhole:
		return "out_of_range"
	case digits == 0 || whole < digits-scale:
		return ""
	case whole > digits-scale:
		return "out_of_range"
	}
	// As many digits as there is room for: rounding up may make it one more.
	for _, c := range strings.TrimLeft(d.whole+d.part, "0") {
		if digits == 0 {
			if c >= '5' {
				return "out_of_range"
			}
			return ""
		}
		if c != '9' {
			return ""
		}
		digits--
	}
	return ""
}
