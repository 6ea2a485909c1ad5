package server_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dial opens a connection and, when asked, makes one call on it and leaves it idle.
func dial(t *testing.T, f *function, call bool) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if call {
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: f\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%v %v", res, err)
		}
		io.Copy(io.Discard, res.Body)
	}
	return conn.(*net.TCPConn)
}

func TestConnections_IdleConnectionsMakePlace(t *testing.T) {
	f := start(t, "FNSTORE_MAX_CONNECTIONS=4")
	for range 20 {
		dial(t, f, true) // each stays open as far as this side is concerned
	}
	f.stop()
}

func TestConnections_BusyConnectionsAreWaitedFor(t *testing.T) {
	f := start(t, "FNSTORE_MAX_CONNECTIONS=2")
	one, two := dial(t, f, false), dial(t, f, false)
	for _, c := range []net.Conn{one, two} {
		io.WriteString(c, "GET /drip HTTP/1.1\r\nHost: f\r\n\r\n")
		if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	third := dial(t, f, false) // the kernel accepts it
	io.WriteString(third, "GET / HTTP/1.1\r\nHost: f\r\n\r\n")
	one.SetLinger(0)
	one.Close()
	if res, err := http.ReadResponse(bufio.NewReader(third), nil); err != nil || res.StatusCode != 200 {
		t.Errorf("%v %v", res, err)
	}
	// A server at its limit can be told to stop.
	f.Process.Signal(interrupt)
	f.await("draining") // the same signal twice at once is one
	f.Process.Signal(interrupt)
	<-f.exited
}

// A process that may open no more files must neither end nor spin.
func TestConnections_LivesOutOfDescriptors(t *testing.T) {
	f := start(t, "FNSTORE_MAX_CONNECTIONS=0")
	f.get("/nofile?n=24")
	var held []net.Conn
	for range 60 {
		held = append(held, dial(t, f, false))
	}
	for _, c := range held {
		c.Close()
	}
	dial(t, f, true)
	for range 60 {
		dial(t, f, true) // idle ones make place here, too
	}
	if n := len(f.said("http: Accept error")); n > 200 {
		t.Errorf("%d complaints", n)
	}
	a := f.get("/echo")
	if _, err := strconv.ParseFloat(a.Header.Get("X-Duration-Seconds"), 64); err != nil {
		t.Error(err)
	}
}
