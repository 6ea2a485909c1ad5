package queueapi

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/queue/deadletter"
)

// Choice says which dead letters a job deals with: those to which all that is
// set applies. All must say so where nothing is set.
type Choice struct {
	IDs      []int64 `json:"ids,omitempty"`
	Function string  `json:"function,omitempty"`
	Code     string  `json:"code,omitempty"`
	Older    string  `json:"older,omitempty"` // since it died, a Go duration, or days such as 3d
	Newer    string  `json:"newer,omitempty"`
	All      bool    `json:"all,omitempty"`
	Rate     int     `json:"rate,omitempty"`    // letters a second; 0 for the default
	DryRun   bool    `json:"dry_run,omitempty"` // only count them
}

// Bounds of a choice.
const (
	maxIDs  = 10000
	maxAge  = 10 * 365 * 24 * time.Hour
	maxName = 300 // bytes of a function or code
)

func (c Choice) filter() (f deadletter.Filter, err error) {
	f.Function, f.Code = c.Function, c.Code
	if len(c.Function) > maxName || len(c.Code) > maxName || !clean(c.Function) || !clean(c.Code) {
		return f, fault.New(fault.Invalid, "bad_filter", "a function or code has at most %d bytes and no control characters", maxName)
	}
	if len(c.IDs) > maxIDs {
		return f, fault.New(fault.Invalid, "bad_filter", "at most %d ids go into one request", maxIDs)
	}
	for _, id := range c.IDs {
		if id < 1 {
			return f, fault.New(fault.Invalid, "bad_filter", "%d is the id of no dead letter", id)
		}
	}
	if len(c.IDs) > 0 {
		f.IDs = slices.Clone(c.IDs)
	}
	if f.OlderThan, err = age("older", c.Older); err != nil {
		return f, err
	}
	f.YoungerThan, err = age("newer", c.Newer)
	return f, err
}

// narrow reports whether anything was chosen at all.
func (c Choice) narrow() bool {
	return len(c.IDs) > 0 || c.Function != "" || c.Code != "" || c.Older != "" || c.Newer != ""
}

// query reads a choice of a list's query.
func query(q url.Values) (c Choice, err error) {
	for name := range q {
		switch name {
		case "id", "function", "code", "older", "newer", "limit", "after":
		default:
			return c, fault.New(fault.Invalid, "bad_filter", "there is no parameter %.64q", name)
		}
	}
	c = Choice{Function: q.Get("function"), Code: q.Get("code"), Older: q.Get("older"), Newer: q.Get("newer")}
	for _, text := range q["id"] {
		id, err := number(text, 0)
		if err != nil {
			return c, err
		}
		c.IDs = append(c.IDs, id)
	}
	return c, nil
}

// age reads a time such as 90m, 36h or 3d; "" is none.
func age(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if n := len(text) - 1; err != nil && text[n] == 'd' {
		var days uint64
		if days, err = strconv.ParseUint(text[:n], 10, 12); err == nil {
			d = time.Duration(days) * 24 * time.Hour
		}
	}
	if err != nil || d <= 0 || d > maxAge {
		return 0, fault.New(fault.Invalid, "bad_age", "%s is a time such as 90m, 36h or 3d, and not %.64q", name, text)
	}
	return d, nil
}

// number reads a positive number; "" is otherwise.
func number(text string, otherwise int64) (int64, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "bad_number", "%.64q is not a positive number", text)
	}
	return n, nil
}
