package topic

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fnstore/connectors/hook"
	"fnstore/kit/filter"
)

// schedules is the topic of the cron connector, which nobody publishes to.
const schedules = "cron-function"

// Annotations of a subscriber, beside "topic" itself.
const (
	// AnnotationFilter is a filter policy in SNS' language for every topic of
	// the function; followed by a dot and a topic's name, for that one.
	AnnotationFilter = "fnstore.topic.filter"
	// AnnotationScope says what policies look at: MessageAttributes, or
	// MessageBody, which then is a JSON object (SNS' FilterPolicyScope).
	AnnotationScope = "fnstore.topic.filter-scope"
)

// Subscriber is a function and the topics that it asks for.
type Subscriber struct {
	Function string
	body     bool
	policies map[string]filter.Policy // by topic; each topic has one
}

// SubscriberOf reads a function's annotations. A function that asks for no topic
// has none.
func SubscriberOf(f hook.Function) (Subscriber, error) {
	s := Subscriber{Function: f.Name, policies: map[string]filter.Policy{}}
	switch scope := cmp.Or(f.Annotations[AnnotationScope], "MessageAttributes"); scope {
	case "MessageAttributes":
	case "MessageBody":
		s.body = true
	default:
		return s, fmt.Errorf("%s: %s is %q; it is MessageAttributes or MessageBody", f.Name, AnnotationScope, scope)
	}
	var errs []error
	for t := range strings.SplitSeq(f.Annotations[hook.AnnotationTopic], ",") {
		if t = strings.TrimSpace(t); !name.MatchString(t) || t == schedules {
			continue // of another connector, such as "table:insert"
		}
		policy := filter.Policy{}
		text := cmp.Or(f.Annotations[AnnotationFilter+"."+t], f.Annotations[AnnotationFilter])
		if text != "" {
			var err error
			if policy, err = filter.Parse([]byte(text)); err != nil {
				// Without its policy it would get what it does not want.
				errs = append(errs, fmt.Errorf("%s: topic %s: %w", f.Name, t, err))
				continue
			}
		}
		s.policies[t] = policy
	}
	return s, errors.Join(errs...)
}

// wants reports whether the function subscribes to the topic and its policy lets
// the publication through.
func (s Subscriber) wants(topic string, attributes map[string]any, body []byte) bool {
	policy, there := s.policies[topic]
	if !there {
		return false
	}
	if s.body {
		return policy.MatchesBody(body)
	}
	return policy.Matches(attributes)
}

// Topics are those that the function subscribes to, sorted.
func (s Subscriber) Topics() []string { return slices.Sorted(maps.Keys(s.policies)) }
