package gateway

import (
	"context"
	"io"
	"net/http"

	"fnstore/kit/fault"
)

// tunnel answers that the protocol changes and then carries both directions
// until one of them ends, or the call's time does.
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
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	if err := (&http.Response{StatusCode: res.StatusCode, ProtoMajor: 1, ProtoMinor: 1, Header: h}).Write(rw); err != nil || rw.Flush() != nil {
		return
	}
	ended := make(chan struct{}, 2)
	carry := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from)
		ended <- struct{}{}
	}
	go carry(function, rw.Reader) // which may have read ahead
	go carry(client, function)
	<-ended
	_, _ = client.Close(), res.Body.Close() // and so the other one ends
	<-ended
}
