package gateway

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A client that reads slowly gets all of a long answer. Only one that takes
// nothing for the time is cut (TestLimit_AnswersThatNobodyTakesEnd).
func TestStall_ASlowReaderIsNotCut(t *testing.T) {
	const stall, parts = 500 * time.Millisecond, 40
	whole := bytes.Repeat([]byte("0123456789abcdef"), 500_000)
	r := stalling(t, stall, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(whole) })
	c := r.dial(t)
	_ = c.SetReadBuffer(64 << 10) // or the kernel takes most of it at once
	c.writeLine(t, "GET /function/echo HTTP/1.1\r\nHost: h\r\n\r\n")
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 0, len(whole))
	part := make([]byte, len(whole)/parts)
	for begun := time.Now(); len(got) < len(whole); {
		n, err := io.ReadFull(res.Body, part)
		if got = append(got, part[:n]...); err != nil {
			t.Fatalf("after %d of %d bytes and %s: %v", len(got), len(whole), time.Since(begun), err)
		}
		time.Sleep(stall / 5) // so a third of the socket's buffer takes longer than that
	}
	if !bytes.Equal(got, whole) {
		t.Error("it is not what was sent")
	}
}

// What was asked of a connection's deadlines holds.
func TestStall_DeadlinesHold(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := &stallConn{Conn: ours, after: time.Hour}
	write := func() error { _, err := c.Write([]byte("nobody reads")); return err }
	_ = c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	for range 2 {
		if err := write(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	}
	_ = c.SetDeadline(noDeadline)
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	if err := write(); err != nil {
		t.Error(err)
	}
	_ = c.SetWriteDeadline(past)
	if err := write(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

// One byte in the time is enough to go on, and none is not.
func TestStall_OnlyWhoTakesNothingIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c := &stallConn{Conn: ours, after: DefaultStall}
		const taken = 20
		go func() {
			for range taken {
				time.Sleep(DefaultStall - time.Second)
				_, _ = theirs.Read(make([]byte, 1))
			}
		}()
		begun := time.Now()
		n, err := c.Write(make([]byte, taken+1))
		took := time.Since(begun) - taken*(DefaultStall-time.Second)
		if n != taken || !errors.Is(err, os.ErrDeadlineExceeded) || took < DefaultStall || took > 2*DefaultStall {
			t.Errorf("%d bytes were taken, %v, and then it waited for %s", n, err, took)
		}
	})
}
