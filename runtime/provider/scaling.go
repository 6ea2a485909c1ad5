package provider

import (
	"fmt"
	"strconv"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
)

// scaling is how many replicas a function may have. Its annotations
// fnstore.scale.* say so, else the labels com.openfaas.scale.* that OpenFaaS
// Pro reads: the community edition refuses some of the labels and takes every
// annotation.
type scaling struct {
	min    int           // while it is awake
	max    int           // that the autoscaler goes to
	target int           // calls at once that one replica shall have
	zero   bool          // it sleeps when nobody calls
	idle   time.Duration // without a call, until it sleeps
	down   time.Duration // of less demand, until replicas are taken away
}

// What counts when nothing is said. OpenFaaS Pro has max 20 too; it scales to
// zero only when told to.
var defaultScaling = scaling{min: 1, max: 20, target: 100, zero: true, idle: 5 * time.Minute, down: 15 * time.Minute}

// scalingOf reads the deployment's annotations and labels. The notes are for
// whoever deploys: what was said and cannot be meant so.
func scalingOf(d types.FunctionDeployment) (s scaling, notes []string, err error) {
	s = defaultScaling
	said := map[string]bool{}
	read := func(key string, parse func(v string) error) {
		name, v, ok := setting(d, key)
		if !ok || err != nil {
			return
		}
		said[key] = true
		if e := parse(v); e != nil {
			err = fault.New(fault.Invalid, "bad_scaling", "validation failed: %s: %q %s", name, v, e)
		}
	}
	read("max", whole(&s.max, 1, MaxReplicas))
	read("min", whole(&s.min, 0, MaxReplicas))
	read("target", whole(&s.target, 1, 1_000_000))
	read("zero", truth(&s.zero))
	read("zero-duration", span(&s.idle))
	read("down-delay", span(&s.down))
	if err != nil {
		return defaultScaling, nil, err
	}
	if s.min > s.max {
		if said["max"] {
			return defaultScaling, nil, fault.New(fault.Invalid, "bad_scaling", "validation failed: scale.min %d is more than scale.max %d", s.min, s.max)
		}
		s.max = s.min
	}
	switch {
	case s.zero && s.min > 0 && said["min"]:
		notes = append(notes, fmt.Sprintf("scale.min is %d and scale to zero is on: after %s without a call it has no replica, and %d once it is called; fnstore.scale.zero: \"false\" keeps %d running", s.min, s.idle, s.min, s.min))
	case !s.zero && s.min == 0:
		notes = append(notes, "scale.min is 0 and scale to zero is off: one replica goes on running")
	case !s.zero && said["zero-duration"]:
		notes = append(notes, "scale.zero-duration has no effect: scale to zero is off")
	}
	if _, kind, ok := setting(d, "type"); ok && kind != "capacity" {
		notes = append(notes, fmt.Sprintf("scale.type %q is not offered: scale.target counts calls in flight", kind))
	}
	s.min = max(s.min, 1)
	return s, notes, nil
}

// setting looks a key up and tells under which name it stands.
func setting(d types.FunctionDeployment, key string) (name, value string, ok bool) {
	if d.Annotations != nil {
		name = "fnstore.scale." + key
		if value, ok = (*d.Annotations)[name]; ok {
			return name, value, true
		}
	}
	if d.Labels != nil {
		name = "com.openfaas.scale." + key
		value, ok = (*d.Labels)[name]
	}
	return name, value, ok
}

func whole(to *int, least, most int) func(string) error {
	return func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("is not a number from %d to %d", least, most)
		}
		*to = n
		return nil
	}
}

func truth(to *bool) func(string) error {
	return func(v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("is neither true nor false")
		}
		*to = b
		return nil
	}
}

func span(to *time.Duration) func(string) error {
	return func(v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			return fmt.Errorf("is not a time such as 5m")
		}
		*to = d
		return nil
	}
}
