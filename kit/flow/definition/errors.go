package definition

import (
	"encoding/json"
	"fmt"

	"fnstore/kit/flow/value"
)

// Defaults of a Retrier, as in AWS.
const (
	DefaultIntervalSeconds = 1
	DefaultMaxAttempts     = 3
	DefaultBackoffRate     = 2.0
)

// each goes through the objects of a list.
func (p *parser) each(n node, field string, use func(i, of int, n node)) {
	l := p.list(n, field)
	for i, v := range l {
		at := fmt.Sprintf("%s/%d", n.at(field), i)
		if o, ok := v.(*value.Object); ok {
			use(i, len(l), node{o, at})
		} else {
			p.say(Schema, at, "an entry of %s must be an object", field)
		}
	}
}

func (p *parser) retriers(n node) (list []Retrier) {
	p.each(n, "Retry", func(i, of int, n node) {
		p.only(n, "a Retrier", "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
		r := Retrier{ErrorEquals: p.errorEquals(n, i == of-1)}
		r.IntervalSeconds = p.whole(n, "IntervalSeconds", 1, maxSeconds, DefaultIntervalSeconds)
		r.MaxAttempts = p.whole(n, "MaxAttempts", 0, maxSeconds, DefaultMaxAttempts)
		r.MaxDelaySeconds = p.whole(n, "MaxDelaySeconds", 1, 31_622_399, 0)
		if r.MaxDelaySeconds > 0 && r.MaxDelaySeconds <= r.IntervalSeconds {
			p.say(Schema, n.at("MaxDelaySeconds"), "MaxDelaySeconds must be greater than IntervalSeconds")
		}
		r.BackoffRate = DefaultBackoffRate
		if v, ok := n.Get("BackoffRate"); ok {
			rate, _ := v.(json.Number)
			f, err := rate.Float64()
			if err != nil || f < 1 {
				p.say(Schema, n.at("BackoffRate"), "BackoffRate must be a number of at least 1.0")
			}
			r.BackoffRate = f
		}
		r.FullJitter = p.oneOf(n, "JitterStrategy", "FULL", "NONE") == "FULL"
		list = append(list, r)
	})
	return list
}

func (p *parser) catchers(n node) (list []Catcher) {
	p.each(n, "Catch", func(i, of int, n node) {
		fields := []string{"ErrorEquals", "Next", "Comment", "Assign", "ResultPath"}
		if p.jsonata {
			fields[len(fields)-1] = "Output"
		}
		p.only(n, "a Catcher", fields...)
		c := Catcher{ErrorEquals: p.errorEquals(n, i == of-1), Next: p.str(n, "Next", true)}
		c.ResultPath = p.path(n, "ResultPath", true)
		p.extra = "errorOutput"
		c.Assign = p.assign(n)
		if p.jsonata {
			c.Output = p.value(n, "Output")
		}
		p.extra = ""
		list = append(list, c)
	})
	return list
}

// errorEquals checks that States.ALL stands alone and last.
func (p *parser) errorEquals(n node, last bool) (names []string) {
	if !n.Has("ErrorEquals") {
		p.say(Schema, n.pointer, `the field "ErrorEquals" is missing`)
		return nil
	}
	l := p.list(n, "ErrorEquals")
	if len(l) == 0 {
		p.say(Schema, n.at("ErrorEquals"), "ErrorEquals must hold at least one error name")
	}
	for i, v := range l {
		name, ok := v.(string)
		if !ok {
			p.say(Schema, fmt.Sprintf("%s/%d", n.at("ErrorEquals"), i), "an error name must be a string")
		}
		if name == "States.ALL" && (len(l) > 1 || !last) {
			p.say(Schema, n.at("ErrorEquals"), "States.ALL must stand alone, and in the last entry of the list")
		}
		names = append(names, name)
	}
	return names
}
