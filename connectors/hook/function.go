package hook

import (
	"context"
	"strings"
)

// AnnotationTopic names the topics that call a function, separated by commas
// (connector-sdk's annotation).
const AnnotationTopic = "topic"

// Function is a deployed function as a connector sees it.
type Function struct {
	Name        string
	Annotations map[string]string
}

// Functions gives what is deployed now. An error means that it is not known,
// which is not the same as no function.
type Functions func(context.Context) ([]Function, error)

// Topics reports whether the function asks for the topic. The comparison is
// exact and case-sensitive, as in connector-sdk.
func (f Function) Topics(topic string) bool {
	for t := range strings.SplitSeq(f.Annotations[AnnotationTopic], ",") {
		if strings.TrimSpace(t) == topic {
			return true
		}
	}
	return false
}
