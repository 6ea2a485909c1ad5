package cron

import (
	"strings"
	"testing"
	"time"
)

// matches reads a schedule field by itself: numbers, ranges, steps, lists.
func matches(field string, lo, hi, v int) bool {
	for item := range strings.SplitSeq(field, ",") {
		span, step := item, 1
		if a, b, ok := strings.Cut(item, "/"); ok {
			span, step = a, atoi(b)
		}
		from, to := lo, hi
		if span != "*" {
			a, b, ranged := strings.Cut(span, "-")
			from = atoi(a)
			if to = from; ranged {
				to = atoi(b)
			}
		}
		if v >= from && v <= to && (v-from)%step == 0 {
			return true
		}
	}
	return false
}

func atoi(s string) (n int) {
	for _, c := range s {
		n = 10*n + int(c-'0')
	}
	return n
}

// named is a schedule as sets of numbers.
type named struct {
	spec                          string
	hourly, either                bool
	minute, hour, dom, month, dow [60]bool
}

func read(spec string) *named {
	f := strings.Fields(spec)
	n := &named{spec: spec, hourly: f[1] == "*", either: f[2] != "*" && f[4] != "*"}
	for i := range 60 {
		n.minute[i], n.hour[i], n.dom[i] = matches(f[0], 0, 59, i), matches(f[1], 0, 23, i), matches(f[2], 1, 31, i)
		n.month[i], n.dow[i] = matches(f[3], 1, 12, i), matches(f[4], 0, 6, i)
	}
	return n
}

func (n *named) has(w time.Time) bool {
	if !n.minute[w.Minute()] || !n.hour[w.Hour()] {
		return false
	}
	_, month, day := w.Date()
	dom, dow := n.dom[day], n.dow[w.Weekday()]
	return n.month[month] && (dom && dow || n.either && (dom || dow))
}

// bruteForce goes through the minutes of the zone's clocks, as they pass, and
// asks at each one which schedules name what the clocks show.
func bruteForce(list []*named, zone *time.Location, from, to time.Time) map[string][]time.Time {
	ticks := map[string][]time.Time{}
	wall := func(t time.Time) time.Time {
		_, offset := t.In(zone).Zone()
		return t.Add(time.Duration(offset) * time.Second)
	}
	latest := wall(from.Add(-3 * time.Hour)) // the furthest that the clocks have been
	for t := from.Add(-3 * time.Hour); t.Before(to); t = t.Add(time.Minute) {
		w := wall(t)
		for _, n := range list {
			fire := n.hourly && n.has(w)
			// Each wall-clock minute once, a skipped one at the change.
			for m := latest.Add(time.Minute); !n.hourly && !fire && !m.After(w); m = m.Add(time.Minute) {
				fire = n.has(m)
			}
			if fire && t.After(from) {
				ticks[n.spec] = append(ticks[n.spec], t)
			}
		}
		if w.After(latest) {
			latest = w
		}
	}
	return ticks
}

func TestSchedule_TenYearsEqualBruteForce(t *testing.T) {
	var list []*named
	for _, spec := range []string{"30 2 * * *", "0 0 * * *", "*/15 1-3 * * *", "15 * * * *", "0 12 13 * 5", "59 23 28-31 2 *", "0,30 0-4 * 3,10,11 0"} {
		list = append(list, read(spec))
	}
	for _, zoneName := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Antarctica/Troll"} {
		zone, err := LoadZone(zoneName)
		if err != nil {
			t.Fatal(err)
		}
		from := time.Date(2015, 6, 1, 0, 0, 0, 0, time.UTC)
		to := from.AddDate(10, 0, 0)
		all := bruteForce(list, zone, from, to)
		for _, n := range list {
			s, err := Parse(n.spec, zone)
			if err != nil {
				t.Fatal(err)
			}
			want := all[n.spec]
			at := from
			for i, tick := range want {
				if at = s.Next(at); !at.Equal(tick) {
					t.Fatalf("%s in %s: tick %d is %v, want %v", n.spec, zoneName, i, at.In(zone), tick.In(zone))
				}
			}
			if after := s.Next(at); after.Before(to) || len(want) < 10 {
				t.Fatalf("%s in %s: after %d ticks there is one more, %v", n.spec, zoneName, len(want), after)
			}
		}
	}
}

func TestSchedule_Forms(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 30, 0, time.UTC)
	for spec, want := range map[string]string{
		"*/5 * * * *":                  "2026-01-01T00:05:00Z",
		"@every 90s":                   "2026-01-01T00:02:00Z",
		"@daily":                       "2026-01-02T00:00:00Z",
		"@hourly":                      "2026-01-01T01:00:00Z",
		"*/20 * * * * *":               "2026-01-01T00:00:40Z",
		"0 9 * * MON-FRI":              "2026-01-01T09:00:00Z",
		"CRON_TZ=Asia/Tokyo 0 6 * * *": "2026-01-01T21:00:00Z",
		"TZ=Asia/Tokyo 0 * * * *":      "2026-01-01T01:00:00Z",
	} {
		s, err := Parse(spec, time.UTC)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if got := s.Next(at).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", spec, got, want)
		}
	}
	for _, bad := range []string{"", "x", "@reboot", "* * *", "0 0 30 2 *", "TZ=Nowhere/X * * * * *", "TZ=Local 0 0 * * *", "@every 0s", "60 * * * *",
		"TZ=UTC CRON_TZ=UTC * * * * *", strings.Repeat("1,", 200) + "1 * * * *"} {
		if s, err := Parse(bad, time.UTC); err == nil {
			t.Errorf("%q was read as %v", bad, s)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"* * * * *", "@every 1h", "TZ=Europe/Berlin 0 0 1 1 *", "*/7 1-5,9 ? * 5"} {
		f.Add(s)
	}
	from := time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := Parse(spec, time.UTC)
		if err != nil {
			return
		}
		at := from
		for range 5 {
			next := s.Next(at)
			if next.IsZero() {
				return
			}
			if !next.After(at) {
				t.Fatalf("%q: after %v comes %v", spec, at, next)
			}
			at = next
		}
	})
}
