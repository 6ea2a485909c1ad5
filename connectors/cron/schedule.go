package cron

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// Schedule is one parsed schedule. Its ticks are what Next gives, one after
// another.
type Schedule struct {
	spec  string
	zone  *time.Location
	every time.Duration // of "@every"; else 0

	// Wall-clock times as if the zone were UTC; nil when hourly is set.
	wall cron.Schedule
	// Schedules that run in each hour follow the time that passes.
	hourly cron.Schedule
}

// parser reads what OpenFaaS' cron connector reads, and six fields, the first
// one seconds. A day is right when its day of the month or its day of the week
// is, where both are given (POSIX crontab).
var parser = cron.MustNewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor | cron.DowOrDom)

// maxSpec is the longest schedule, in bytes.
const maxSpec = 256

// Parse reads a schedule of five fields, six with seconds first, or a
// descriptor such as @daily or "@every 90s". A prefix "CRON_TZ=Zone" or
// "TZ=Zone" beats zone.
func Parse(spec string, zone *time.Location) (*Schedule, error) {
	spec = strings.TrimSpace(spec)
	if len(spec) > maxSpec {
		return nil, fmt.Errorf("a schedule has at most %d bytes", maxSpec)
	}
	s := &Schedule{spec: spec, zone: zone}
	fields := spec
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		name, rest, _ := strings.Cut(spec, " ")
		_, name, _ = strings.Cut(name, "=")
		loc, err := LoadZone(name)
		if err != nil {
			return nil, err
		}
		s.zone, fields = loc, strings.TrimSpace(rest)
	}
	if strings.HasPrefix(fields, "TZ=") || strings.HasPrefix(fields, "CRON_TZ=") {
		return nil, fmt.Errorf("%q names two time zones", spec)
	}
	parsed, err := parser.Parse("CRON_TZ=UTC " + fields)
	if err != nil {
		return nil, fmt.Errorf("%q is no schedule: %w", spec, err)
	}
	switch d := parsed.(type) {
	case cron.ConstantDelaySchedule:
		s.every = d.Delay
		return s, nil
	case *cron.SpecSchedule:
		if d.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
			return nil, fmt.Errorf("%q never comes", spec)
		}
	default:
		return nil, fmt.Errorf("%q is a schedule of an unknown kind", spec)
	}
	if eachHour(fields) {
		if s.hourly, err = parser.Parse("CRON_TZ=" + s.zone.String() + " " + fields); err != nil {
			return nil, fmt.Errorf("%q is no schedule: %w", spec, err)
		}
		return s, nil
	}
	s.wall = parsed
	return s, nil
}

// eachHour reports whether the schedule names no hour.
func eachHour(fields string) bool {
	if strings.HasPrefix(fields, "@") {
		return fields == "@hourly"
	}
	list := strings.Fields(fields)
	hour := 1
	if len(list) == 6 {
		hour = 2
	}
	return len(list) > hour && list[hour] == "*"
}

// LoadZone finds a time zone of the IANA database, such as Europe/Berlin. "Local"
// is refused: it means another zone on each machine.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errors.New("a time zone has a name, such as Europe/Berlin or UTC")
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("no time zone %q: %w", name, err)
	}
	return loc, nil
}

// maxSetBack is more than any clock is set back at once today.
const maxSetBack = 3 * time.Hour

// Next gives the first tick after t; zero when none comes within five years.
//
// A schedule with a fixed hour runs once for each wall-clock time that it names:
// a time that the clock skips runs at the moment of the change, and a time that
// comes twice runs the first time. A schedule of each hour, and @every, follow
// the time that passes.
func (s *Schedule) Next(t time.Time) time.Time {
	switch {
	case s.every > 0:
		return t.Add(s.every)
	case s.hourly != nil:
		return s.hourly.Next(t.In(s.zone))
	}
	local := t.In(s.zone)
	// After the clocks were set back, the next wall-clock time may be one that
	// they show a second time.
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC).Add(-maxSetBack)
	for {
		if wall = s.wall.Next(wall); wall.IsZero() {
			return time.Time{}
		}
		if at := instant(wall, s.zone); at.After(t) {
			return at
		}
	}
}

// skip gives a tick near t, or the first one after it, without going through all
// that lie between it and the tick from.
func (s *Schedule) skip(from, t time.Time) time.Time {
	if s.every > 0 {
		return from.Add(t.Sub(from).Truncate(s.every))
	}
	return s.Next(t)
}

// instant gives the first moment at which zone's clocks show the wall-clock time,
// or, when they skip it, the moment at which they do.
func instant(wall time.Time, zone *time.Location) time.Time {
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	start, end := at.ZoneBounds()
	if shows(at, wall) {
		// The same time may have been shown before the clocks were set back.
		if !start.IsZero() {
			_, before := start.Add(-time.Second).Zone()
			_, now := at.Zone()
			if earlier := at.Add(-time.Duration(before-now) * time.Second); before > now && earlier.Before(start) {
				return earlier
			}
		}
		return at
	}
	// time.Date gives a time on one side of the gap; the change is the bound
	// that lies nearer.
	if !start.IsZero() && (end.IsZero() || at.Sub(start) < end.Sub(at)) {
		return start
	}
	return end
}

func shows(at, wall time.Time) bool {
	return at.Hour() == wall.Hour() && at.Minute() == wall.Minute() && at.Second() == wall.Second() && at.Day() == wall.Day()
}

func (s *Schedule) String() string { return s.spec }

// Zone names the time zone of its wall-clock times.
func (s *Schedule) Zone() string { return s.zone.String() }
