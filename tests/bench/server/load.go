package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// client is one kept connection, always with one request under way. All of
// them are served from one thread by epoll(7), as wrk does it, so that the
// load costs little of the machine that it measures.
type client struct {
	fd    int
	sent  int // of the request
	begun time.Time

	head  []byte // of the answer, until its end
	left  int    // of a body with a length; -1: chunked
	tail  []byte // the last bytes of a chunked body
	inned bool   // the head is complete
}

// load keeps n connections busy with POSTs of size bytes for a time and gives
// how long each took.
func load(address string, n, size int, length time.Duration) ([]time.Duration, error) {
	request := fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: %d\r\n\r\n", size)
	request = append(request, bytes.Repeat([]byte("x"), size)...)
	poll, err := syscall.EpollCreate1(0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(poll)
	clients := map[int32]*client{}
	for range n {
		c, err := connect(address)
		if err != nil {
			return nil, err
		}
		defer syscall.Close(c.fd)
		event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLOUT | 1<<31, Fd: int32(c.fd)} // 1<<31: EPOLLET
		if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, c.fd, &event); err != nil {
			return nil, err
		}
		clients[int32(c.fd)] = c
	}
	var took []time.Duration
	buffer, events := make([]byte, 256<<10), make([]syscall.EpollEvent, n)
	for begun := time.Now(); time.Since(begun) < length; {
		ready, err := syscall.EpollWait(poll, events, 100)
		if err != nil && err != syscall.EINTR {
			return nil, err
		}
		for _, e := range events[:max(ready, 0)] {
			if took, err = clients[e.Fd].turn(request, buffer, took); err != nil {
				return nil, err
			}
		}
	}
	if len(took) == 0 {
		return nil, errors.New("no request was answered")
	}
	return took, nil
}

func connect(address string) (*client, error) {
	at, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}); err != nil {
		return nil, err
	}
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	return &client{fd: fd}, syscall.SetNonblock(fd, true)
}

// turn does all that the connection can do without waiting.
func (c *client) turn(request, buffer []byte, took []time.Duration) ([]time.Duration, error) {
	for {
		if c.sent == 0 {
			c.begun = time.Now()
		}
		for c.sent < len(request) {
			n, err := syscall.Write(c.fd, request[c.sent:])
			if err == syscall.EAGAIN {
				break
			}
			if err != nil {
				return took, err
			}
			c.sent += n
		}
		n, err := syscall.Read(c.fd, buffer)
		switch {
		case err == syscall.EAGAIN:
			return took, nil
		case err != nil:
			return took, err
		case n == 0:
			return took, errors.New("the connection was closed")
		}
		whole, err := c.feed(buffer[:n])
		if err != nil {
			return took, err
		}
		if whole {
			took = append(took, time.Since(c.begun))
			*c = client{fd: c.fd, head: c.head[:0], tail: c.tail[:0]}
		}
	}
}

var end, last = []byte("\r\n\r\n"), []byte("0\r\n\r\n")

// feed takes a piece of the answer and says whether that was the end of it.
func (c *client) feed(b []byte) (bool, error) {
	if !c.inned {
		c.head = append(c.head, b...)
		at := bytes.Index(c.head, end)
		if at < 0 {
			return false, nil
		}
		head := c.head[:at+2]
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
			return false, fmt.Errorf("answered %.60q", head)
		}
		b = c.head[at+4:]
		c.inned, c.left = true, -1
		if _, rest, ok := bytes.Cut(head, []byte("Content-Length: ")); ok {
			digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
			n, err := strconv.Atoi(string(digits))
			if err != nil {
				return false, err
			}
			c.left = n
		}
	}
	if c.left >= 0 {
		c.left -= len(b)
		return c.left <= 0, nil
	}
	if len(b) > len(last) {
		b = b[len(b)-len(last):]
	}
	c.tail = append(c.tail, b...)
	c.tail = c.tail[max(0, len(c.tail)-len(last)):]
	return bytes.Equal(c.tail, last), nil
}
