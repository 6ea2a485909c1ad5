package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// rested is how long a connection may have been unused: servers close such ones
// after a minute or so, and a call must not be the one to find out.
const rested = 20 * time.Second

// conn is a connection that is opened when a call needs it.
type conn struct {
	plan *Plan
	work chan time.Time
	c    net.Conn
	in   *bufio.Reader
	used time.Time
}

func (c *conn) close() {
	if c.c != nil {
		_ = c.c.Close()
		c.c = nil
	}
}

func (c *conn) call(due time.Time) (call Call) {
	call.Due = due
	limit := due.Add(c.plan.CallTimeout)
	defer func() {
		c.used = time.Now()
		call.Took = c.used.Sub(due)
		if call.Err != nil {
			call.Status = 0
			c.close()
		}
	}()
	if c.c != nil && time.Since(c.used) > rested {
		c.close()
	}
	if c.c == nil {
		if c.c, call.Err = (&net.Dialer{Deadline: limit}).Dial("tcp", c.plan.Address); call.Err != nil {
			return call
		}
		c.in = bufio.NewReaderSize(c.c, 4<<10)
	}
	_ = c.c.SetDeadline(limit)
	call.Sent = time.Now()
	if _, err := c.c.Write(c.plan.Request); err != nil {
		// A server that refuses may say so before it has read anything.
		if c.read(&call); call.Err != nil {
			call.Err = err
		}
		return call
	}
	c.read(&call)
	return call
}

// most is what is kept of a body, in bytes.
const most = 256

var errFraming = errors.New("the answer is not framed as HTTP has it")

// read reads one answer.
func (c *conn) read(call *Call) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		call.Err = fmt.Errorf("read the answer: %w", err)
		return
	}
	if len(line) < len("HTTP/1.1 200\r\n") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		call.Err = errFraming
		return
	}
	status, _ := strconv.Atoi(string(line[9:12])) // 0 is no status
	length, chunked, last := int64(-1), false, false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			call.Err = fmt.Errorf("read the answer's headers: %w", err)
			return
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case equal(name, "content-length"):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				call.Err = errFraming
				return
			}
		case equal(name, "transfer-encoding"):
			chunked = true
		case equal(name, "connection"):
			last = equal(value, "close")
		case equal(name, "retry-after"):
			call.Retry = len(value) > 0
		}
	}
	body, err := c.body(length, chunked, status)
	if err != nil {
		call.Err = fmt.Errorf("read the answer's body: %w", err)
		return
	}
	call.Status = status
	if status >= 400 {
		call.Code = problem(body)
	}
	if c.plan.Keep {
		call.Body = string(body)
	}
	if last {
		c.close()
	}
}

// body reads a body to its end and gives the beginning.
func (c *conn) body(length int64, chunked bool, status int) ([]byte, error) {
	switch {
	case chunked:
		return c.chunks()
	case status == 204 || status == 304:
		return nil, nil
	case length < 0:
		return nil, errFraming // it lasts until the connection ends: nothing here answers so
	}
	head := make([]byte, min(length, most))
	if _, err := io.ReadFull(c.in, head); err != nil {
		return nil, err
	}
	_, err := io.CopyN(io.Discard, c.in, length-int64(len(head)))
	return head, err
}

func (c *conn) chunks() (head []byte, err error) {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return nil, errFraming
		}
		if n == 0 {
			_, err = c.in.ReadSlice('\n')
			return head, err
		}
		part := make([]byte, min(n, int64(most-len(head))))
		if _, err := io.ReadFull(c.in, part); err != nil {
			return nil, err
		}
		head = append(head, part...)
		if _, err := io.CopyN(io.Discard, c.in, n-int64(len(part))+2); err != nil {
			return nil, err
		}
	}
}

func equal(b []byte, lower string) bool {
	return len(b) == len(lower) && string(bytes.ToLower(b)) == lower
}

// problem is the code of an RFC 9457 problem; empty for anything else.
func problem(body []byte) string {
	_, rest, ok := bytes.Cut(body, []byte(`"code":"`))
	if !ok {
		return ""
	}
	code, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(code)
}
