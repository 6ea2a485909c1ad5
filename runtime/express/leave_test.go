package express

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// A request that two buffers have is not whole when the first one is read.
func TestMoreRequestsThanABufferHoldsLeaveInTheirOrder(t *testing.T) {
	r := open(t)
	c := r.dial()
	var all strings.Builder
	n := 0
	for ; all.Len() < 100<<10; n++ {
		all.WriteString(get(fmt.Sprint("/echo/", n)))
	}
	go func() { c.say(all.String()); _ = c.CloseWrite() }()
	rest := r.rest()
	after, err := io.ReadAll(rest.Conn)
	left := string(rest.Read) + string(after)
	carried := n - strings.Count(left, "GET ")
	if !strings.HasSuffix(all.String(), left) || err != nil || rest.Begun != nil {
		t.Errorf("%.60q has left, %v, %+v", left, err, rest.Begun)
	}
	for i := range carried {
		c.hears(200, fmt.Sprint("/echo/", i))
		r.end(200)
	}
	_ = rest.Conn.Close()
	c.ends()
}

func TestABodyThatDoesNotComeLeavesAfterATick(t *testing.T) {
	r := open(t)
	c := r.dial()
	c.say("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nin t")
	r.pass()
	c.say("im")
	rest := r.rest()
	if got := string(rest.Read); !strings.HasSuffix(got, "\r\n\r\nin tim") || rest.Begun != nil || rest.Owed != nil {
		t.Errorf("%q, %+v, %q", got, rest.Begun, rest.Owed)
	}
	c.say("e")
	var b [1]byte
	if _, err := io.ReadFull(rest.Conn, b[:]); err != nil || b[0] != 'e' {
		t.Errorf("%q, %v", b, err)
	}
}

func TestWhatIsNotPlainLeavesWithEveryByte(t *testing.T) {
	for _, request := range []string{
		"GET /echo HT", get("/elsewhere"), get("/echo", "Connection: x"), get("*"), "garbage\r\n\r\n", "\x16\x03\x01\x00\x05hello",
		"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		post("/echo", strings.Repeat("a body that is too long ", 4<<10)),
		get("/elsewhere") + strings.Repeat(get("/echo"), 1000),
	} {
		t.Run(fmt.Sprintf("%.20q", request), func(t *testing.T) {
			r := open(t)
			for _, before := range []string{"", get("/refuse"), post("/echo", "first")} {
				c := r.dial()
				said := make(chan struct{})
				go func() { c.say(before + request); close(said) }()
				rest := r.rest()
				go func() { <-said; _ = c.CloseWrite() }()
				after, err := io.ReadAll(rest.Conn)
				if got := string(rest.Read) + string(after); got != request || err != nil || rest.Begun != nil || rest.Owed != nil {
					t.Errorf("%d bytes have left, %v, and %d came: %.200q", len(got), err, len(request), got)
				}
				_, _ = io.WriteString(rest.Conn, ok("elsewhere"))
				switch {
				case strings.Contains(before, "refuse"):
					c.hears(503, "")
				case before != "":
					c.hears(200, "/echofirst")
				}
				c.hears(200, "elsewhere")
			}
		})
	}
}

func TestAConnectionMayComeBack(t *testing.T) {
	r := open(t)
	c := r.dial()
	for range 3 {
		c.say(get("/elsewhere"))
		rest := r.rest()
		r.taken.Add(1)
		if !r.Take(rest.Conn, "again") {
			t.Fatal("it was not taken again")
		}
		c.say(get("/echo"))
		c.hears(200, "/echo")
	}
}

func TestOnlyConnectionsOfTCPAreTaken(t *testing.T) {
	r := open(t)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if r.Take(a, "") {
		t.Error("a pipe was taken")
	}
	c := r.dial()
	_ = c.Close()
	if r.Take(c.TCPConn, "") {
		t.Error("a closed connection was taken")
	}
}
