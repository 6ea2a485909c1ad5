package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// load keeps n connections busy with POSTs of 1 KiB for a time and gives how
// long each took. It is no HTTP library, so that little of the machine goes to
// the one who measures.
func load(address, path string, n int, length time.Duration) ([]time.Duration, error) {
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: f\r\nContent-Length: 1024\r\n\r\n%s", path, bytes.Repeat([]byte("x"), 1024))
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		all    []time.Duration
		failed error
	)
	begun := time.Now()
	for range n {
		wg.Go(func() {
			took, err := keepBusy(address, request, begun, length)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	return all, failed
}

func keepBusy(address string, request []byte, begun time.Time, length time.Duration) (took []time.Duration, err error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(begun.Add(length + 30*time.Second))
	buffer := make([]byte, 64<<10)
	for {
		t := time.Now()
		if _, err := c.Write(request); err != nil {
			return took, err
		}
		if err := answer(c, buffer); err != nil {
			return took, err
		}
		took = append(took, time.Since(t))
		if time.Since(begun) > length {
			return took, nil
		}
	}
}

var headEnd, lengthName = []byte("\r\n\r\n"), []byte("\r\nContent-Length: ")

// answer reads one answer with a length.
func answer(c io.Reader, buffer []byte) error {
	have := 0
	for {
		n, err := c.Read(buffer[have:])
		if err != nil {
			return err
		}
		have += n
		head, body, whole := bytes.Cut(buffer[:have], headEnd)
		if !whole {
			continue
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("answered %.200q", buffer[:have])
		}
		_, rest, ok := bytes.Cut(head, lengthName)
		if !ok {
			return fmt.Errorf("an answer without a length: %.300q", head)
		}
		digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
		length, err := strconv.Atoi(string(digits))
		if err != nil {
			return err
		}
		if len(body) >= length {
			return nil
		}
	}
}
