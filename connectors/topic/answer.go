package topic

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"fnstore/connectors/hook"
	"fnstore/kit/fault"
	"fnstore/kit/queue"
)

// HeaderPublish of a function's answer names the topic that the answer's body is
// published to. HeaderAttributes beside it has the publication's attributes.
// Neither goes on to who called.
const HeaderPublish = "X-Fnstore-Publish"

// MaxAnswer is the longest body of an answer that is published, in bytes: it is
// held until the publication is committed.
const MaxAnswer = queue.MaxInline

// Answer is what a function said, and of which call.
type Answer struct {
	Sends  string      // the function's annotation fnstore.sends
	Asked  http.Header // headers of a call that the store itself made; nil for any other
	Header http.Header
	Body   []byte
}

// Asks reports whether an answer is to be published: a success that has
// HeaderPublish. What comes with an error is not.
func Asks(status int, answer http.Header) bool {
	return len(answer[HeaderPublish]) > 0 && status >= 200 && status < 300
}

// Strip takes away what no caller gets.
func Strip(answer http.Header) {
	if _, there := answer[HeaderPublish]; there {
		delete(answer, HeaderPublish)
		delete(answer, HeaderAttributes)
	}
}

// Message is the message that publishes the answer; it is for queue.Enqueue, and
// trusted, as one of queue.Send is. The error is a fault.BadGateway, since the
// function is at fault and not who called it: publish_not_allowed for a topic that
// its annotation fnstore.sends does not name, publish_too_large, too_many_hops, or
// bad_publication.
func (a Answer) Message() (queue.New, error) {
	names := a.Header[HeaderPublish]
	if len(names) != 1 || !name.MatchString(names[0]) {
		return queue.New{}, fault.New(fault.BadGateway, "bad_publication", "the answer's header %s is not the name of one topic", HeaderPublish)
	}
	to := Prefix + names[0]
	if !slices.ContainsFunc(strings.Split(a.Sends, ","), func(s string) bool { return strings.TrimSpace(s) == to }) {
		return queue.New{}, fault.New(fault.BadGateway, "publish_not_allowed", "the function may not publish to %s: its annotation fnstore.sends does not name %s", names[0], to)
	}
	if len(a.Body) > MaxAnswer {
		return queue.New{}, fault.New(fault.BadGateway, "publish_too_large", "an answer that is published may have %d bytes", MaxAnswer)
	}
	hops, _ := strconv.Atoi(a.Asked.Get(hook.HeaderHops)) // what is no number counts as none
	if hops = max(hops, 0) + 1; hops > hook.MaxHops {
		return queue.New{}, fault.New(fault.BadGateway, "too_many_hops", "%d functions have followed one another, each called by what the one before published, and more are taken for a loop", hook.MaxHops)
	}
	headers := http.Header{hook.HeaderHops: {strconv.Itoa(hops)}}
	if types := a.Header["Content-Type"]; len(types) > 0 {
		headers["Content-Type"] = types[:1]
	}
	if given := a.Header[HeaderAttributes]; len(given) > 0 {
		if _, err := attributes(given[0]); err != nil || len(given) > 1 {
			return queue.New{}, fault.New(fault.BadGateway, "bad_publication", "the answer's header %s is not one JSON object of strings, numbers, booleans, null and lists of them, at most %d bytes", HeaderAttributes, maxAttributes).Because(err)
		}
		headers[HeaderAttributes] = given
	}
	return queue.New{Function: to, Headers: headers, Body: a.Body, Trusted: true}, nil
}
