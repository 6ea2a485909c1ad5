package cron

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"fnstore/connectors/hook"
)

// Topic is the topic by which a function asks for its schedules (OpenFaaS'
// cron connector).
const Topic = "cron-function"

// Annotations of a function that runs on schedules. Only the first one is
// OpenFaaS'.
const (
	AnnotationSchedule = "schedule"              // one, or several by ";"
	AnnotationZone     = "fnstore.cron.timezone" // IANA name; DefaultZone
	AnnotationPath     = "fnstore.cron.path"     // what the function is called with: one, or one for each schedule by ";"
	AnnotationMissed   = "fnstore.cron.missed"   // a Missed; DefaultMissed
	AnnotationOverlap  = "fnstore.cron.overlap"  // an Overlap; DefaultOverlap
)

// DefaultZone is the zone of schedules that name none.
const DefaultZone = "UTC"

// Missed says what becomes of ticks that nobody was there to see.
type Missed string

const (
	MissedOnce Missed = "once" // one message for all of them
	MissedSkip Missed = "skip" // none
	MissedAll  Missed = "all"  // one for each, within MaxMissed and MissedWindow

	// DefaultMissed is the policy of a function that names none.
	DefaultMissed = MissedOnce
	// MaxMissed bounds the ticks that MissedAll makes up for.
	MaxMissed = 1000
	// MissedWindow bounds their age.
	MissedWindow = 24 * time.Hour
	// Late is how late a tick may be and still not be a missed one.
	Late = time.Minute
)

// Overlap says what happens when a tick comes while an earlier one of the same
// schedule still waits or runs.
type Overlap string

const (
	OverlapAllow Overlap = "allow" // both run at once
	OverlapSkip  Overlap = "skip"  // the later one is dropped
	OverlapWait  Overlap = "wait"  // one after another

	// DefaultOverlap is the policy of a function that names none.
	DefaultOverlap = OverlapAllow
)

// Entry is one schedule of one function.
type Entry struct {
	Function string
	Schedule *Schedule
	Path     string
	Missed   Missed
	Overlap  Overlap
}

// Part names the entry's checkpoint.
func (e Entry) Part() string { return e.Function + " " + e.Schedule.String() }

// group is the queue's group of the entry's messages.
func (e Entry) group() string { return "cron " + e.Schedule.String() }

// Entries reads a function's annotations. It gives what can be read, with an
// error for the rest; a function that asks for no schedule has neither.
func Entries(f hook.Function) ([]Entry, error) {
	if !f.Topics(Topic) {
		return nil, nil
	}
	zone, err := LoadZone(cmp.Or(f.Annotations[AnnotationZone], DefaultZone))
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", f.Name, AnnotationZone, err)
	}
	missed := cmp.Or(Missed(f.Annotations[AnnotationMissed]), DefaultMissed)
	if missed != MissedOnce && missed != MissedSkip && missed != MissedAll {
		return nil, fmt.Errorf("%s: %s is %q; it is once, skip or all", f.Name, AnnotationMissed, missed)
	}
	overlap := cmp.Or(Overlap(f.Annotations[AnnotationOverlap]), DefaultOverlap)
	if overlap != OverlapAllow && overlap != OverlapSkip && overlap != OverlapWait {
		return nil, fmt.Errorf("%s: %s is %q; it is allow, skip or wait", f.Name, AnnotationOverlap, overlap)
	}
	specs := split(f.Annotations[AnnotationSchedule])
	if len(specs) == 0 {
		return nil, fmt.Errorf("%s: the topic %s needs the annotation %s", f.Name, Topic, AnnotationSchedule)
	}
	paths := split(f.Annotations[AnnotationPath])
	if len(paths) > 1 && len(paths) != len(specs) {
		return nil, fmt.Errorf("%s: %s has %d paths for %d schedules", f.Name, AnnotationPath, len(paths), len(specs))
	}
	var list []Entry
	var errs []error
	seen := map[string]bool{}
	for i, spec := range specs {
		schedule, err := Parse(spec, zone)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Name, err))
			continue
		}
		e := Entry{Function: f.Name, Schedule: schedule, Path: "/", Missed: missed, Overlap: overlap}
		if seen[e.Part()] {
			errs = append(errs, fmt.Errorf("%s: the schedule %q is there twice", f.Name, spec))
			continue
		}
		seen[e.Part()] = true
		switch len(paths) {
		case 0:
		case 1:
			e.Path = paths[0]
		default:
			e.Path = paths[i]
		}
		if !strings.HasPrefix(e.Path, "/") {
			errs = append(errs, fmt.Errorf("%s: the path %q does not begin with /", f.Name, e.Path))
			continue
		}
		list = append(list, e)
	}
	return list, errors.Join(errs...)
}

func split(list string) (items []string) {
	for item := range strings.SplitSeq(list, ";") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
