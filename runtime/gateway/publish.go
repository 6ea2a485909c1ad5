package gateway

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"fnstore/connectors/topic"
	"fnstore/kit/caller"
	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// annotationSends names to whom a function may send; provision reads it too.
const annotationSends = "fnstore.sends"

func annotation(of *map[string]string, name string) string {
	if of == nil {
		return ""
	}
	return (*of)[name]
}

// publish publishes the answer where the function asks for that, before the client
// has any of it: an answer whose publication failed is an error. The answer to a
// delivery stays as it is, since delivery publishes it with the message's end.
func (c *call) publish(ctx context.Context, res *http.Response) error {
	if len(c.r.Header[caller.HeaderDelivery]) > 0 && caller.IsDelivery(c.r.Header, c.g.eventKeys()) {
		return nil
	}
	if !topic.Asks(res.StatusCode, res.Header) || c.r.Method == http.MethodHead {
		topic.Strip(res.Header)
		return nil
	}
	if c.g.cfg.Publish == nil {
		return fault.New(fault.BadGateway, "no_queue", "the function's answer is to be published, and this gateway has no queue")
	}
	release, err := c.g.holdBody(topic.MaxAnswer)
	if err != nil {
		return err
	}
	defer release()
	body, err := io.ReadAll(io.LimitReader(res.Body, topic.MaxAnswer+1))
	if err != nil {
		return err
	}
	c.release() // the function has said all
	m, err := topic.Answer{Sends: c.sends, Header: res.Header, Body: body}.Message()
	if err != nil {
		slog.WarnContext(ctx, "an answer is not published", "part", "gateway", "function", c.function, "call_id", c.r.Header.Get(wire.CallID),
			"topic", res.Header.Get(topic.HeaderPublish), "code", fault.Of(err).Code)
		return err
	}
	// A client that goes now must not take the publication of work that is done.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	if err := c.g.cfg.Publish(ctx, m); err != nil {
		return fault.New(fault.Unavailable, "publish_failed", "the function's answer could not be published; send the call again").Because(err).After(time.Second)
	}
	topic.Strip(res.Header)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}
