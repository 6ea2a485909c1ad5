package delivery

import (
	"net/http"

	"fnstore/connectors/topic"
	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
)

// published adds to an answer that is to be published the message that does it. It
// begins to exist in the transaction that ends the one that was answered, so there
// is one publication for each message, however often it is delivered. What cannot
// be published makes a dead letter: the next answer would be the same.
func (d *Delivery) published(f Function, m lease.Message, a answer) answer {
	if topic.Asks(a.status, a.header) {
		said := topic.Answer{Sends: f.Sends, Header: a.header, Body: a.body}
		if m.Trusted { // a stranger's count of hops counts for nothing
			said.Asked = http.Header(m.Headers)
		}
		n, err := said.Message()
		if err != nil {
			return d.unpublished(f.Name, m, err)
		}
		a.sends = []queue.New{n}
	}
	topic.Strip(a.header) // callbacks repeat the others
	return a
}

func (d *Delivery) unpublished(function string, m lease.Message, err error) answer {
	why := fault.Of(err)
	d.log.Warn("an answer is not published", "function", function, "call_id", m.CallID, "code", why.Code, "reason", why.Detail)
	return answer{code: why.Code, reason: why.Detail, permanent: true}
}
