package gateway

import (
	"context"
	"io"
	"net/http"

	"fnstore/kit/fault"
)

// tunnel answers that the protocol changes and then carries both directions
// until both have ended, one of them breaks, or the call's time is over.
func (c *call) tunnel(ctx context.Context, res *http.Response) {
	function, ok := res.Body.(io.ReadWriter)
	if !ok || !websocket(c.r) {
		c.fail(fault.New(fault.BadGateway, "function_bad_answer", "the function changed the protocol, which nobody asked it to"))
		return
	}
	h := c.w.Header()
	c.head(h, res)
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	c.w.code = res.StatusCode
	client, rw, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		c.fail(fault.New(fault.Internal, "no_tunnel", "this connection cannot change its protocol").Because(err))
		return
	}
	defer client.Close()
	// What the server laid down for requests holds no longer.
	_ = client.SetDeadline(noDeadline)
	defer context.AfterFunc(ctx, func() { _, _ = client.Close(), res.Body.Close() })()
	if err := (&http.Response{StatusCode: res.StatusCode, ProtoMajor: 1, ProtoMinor: 1, Header: h}).Write(rw); err != nil || rw.Flush() != nil {
		return
	}
	ended := make(chan bool, 2)
	go func() { ended <- carry(function, rw.Reader) }() // which may have read ahead
	go func() { ended <- carry(client, function) }()
	whole := <-ended
	if !whole { // a broken side has nothing more to say, and hears nothing more
		_, _ = client.Close(), res.Body.Close()
	}
	<-ended
}

// carry copies one direction to its end, and then ends it for the receiver, who
// may still have something to say. It reports whether that could be done.
func carry(to io.Writer, from io.Reader) bool {
	if _, err := io.Copy(to, from); err != nil {
		return false
	}
	half, ok := to.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}
