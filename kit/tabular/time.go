package tabular

import "strings"

// appendTime adds a date or a time of ISO 8601 in its extended form:
// 2026-07-01, 2026-07-01T10:00:00.5+02:00, with a blank for the T or without
// seconds.
func appendTime(dst []byte, v string, k kind) (out []byte, code string) {
	if !dateAt(v) {
		return dst, "invalid_value"
	}
	rest := v[10:]
	if k == date {
		if rest != "" {
			return dst, "invalid_value"
		}
		return append(dst, v...), ""
	}
	if rest == "" { // midnight
		return zoned(append(dst, v...), k), ""
	}
	if rest[0] != 'T' && rest[0] != ' ' {
		return dst, "invalid_value"
	}
	n := clock(rest[1:])
	if n == 0 {
		return dst, "invalid_value"
	}
	zone := strings.TrimPrefix(rest[1+n:], " ")
	switch {
	case zone == "" && len(rest) == 1+n:
		return zoned(append(dst, v...), k), ""
	case k == timestamptz && isZone(zone):
		return append(dst, v...), ""
	}
	return dst, "invalid_value"
}

// zoned makes a time without a zone UTC, whatever the session's zone.
func zoned(dst []byte, k kind) []byte {
	if k == timestamptz {
		return append(dst, "+00"...)
	}
	return dst
}

// two reads two digits, or gives something that no clock has.
func two(v string, i int) int {
	a, b := v[i]-'0', v[i+1]-'0'
	if a > 9 || b > 9 {
		return 1000
	}
	return int(a)*10 + int(b)
}

var monthDays = [13]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// dateAt says whether v begins with a day from year 1 to 9999.
func dateAt(v string) bool {
	if len(v) < 10 || v[4] != '-' || v[7] != '-' {
		return false
	}
	year, month, day := two(v, 0)*100+two(v, 2), two(v, 5), two(v, 8)
	if year < 1 || two(v, 0) > 99 || two(v, 2) > 99 || month < 1 || month > 12 || day < 1 {
		return false
	}
	if month == 2 && day == 29 {
		return year%4 == 0 && (year%100 != 0 || year%400 == 0)
	}
	return day <= monthDays[month]
}

// clock gives how long the time of day is that v begins with, or 0.
func clock(v string) int {
	if len(v) < 5 || v[2] != ':' || two(v, 0) > 23 || two(v, 3) > 59 {
		return 0
	}
	if len(v) < 8 || v[5] != ':' {
		return 5
	}
	if two(v, 6) > 59 {
		return 0
	}
	if len(v) == 8 || v[8] != '.' {
		return 8
	}
	end := digitsEnd(v, 9)
	if end == 9 || end > 9+9 {
		return 0
	}
	return end
}

// isZone knows Z, UTC, +02, +0200 and +02:00, as far as Postgres goes.
func isZone(v string) bool {
	if v == "Z" || v == "z" || v == "UTC" {
		return true
	}
	if len(v) < 3 || v[0] != '+' && v[0] != '-' || two(v, 1) > 15 {
		return false
	}
	switch {
	case len(v) == 5:
		return two(v, 3) <= 59
	case len(v) == 6:
		return v[3] == ':' && two(v, 4) <= 59
	}
	return len(v) == 3
}
