// Command rogue is a function that does what none should; FN_MODE says what.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	mode := os.Getenv("FN_MODE")
	switch mode {
	case "exit":
		os.Exit(0)
	case "crash":
		fmt.Println("no luck today")
		os.Exit(3)
	case "hang":
		select {}
	case "deaf":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	case "shout": // 100 MB, some of it one line, none of it text
		for range 100 {
			_, _ = os.Stdout.Write(bytes.Repeat([]byte{0, 0xff, '"', 0x1b, '['}, 200_000))
		}
	case "mute":
		_, _ = os.Stdout.Close(), os.Stderr.Close()
		_, _ = syscall.Close(1), syscall.Close(2)
	case "fork":
		fork()
	case "late":
		time.Sleep(400 * time.Millisecond)
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go serve(c, mode)
	}
}

// fork leaves children that ignore what they are told, one of them in a session
// of its own.
func fork() {
	for _, alone := range []bool{false, true} {
		self, _ := os.Executable()
		child := exec.Command(self)
		child.Env = append(os.Environ(), "FN_MODE=hang")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: alone}
		if err := child.Start(); err != nil {
			fmt.Println("fork:", err)
		}
	}
}

func serve(c net.Conn, mode string) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/_/ready" {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		if !misbehave(c, mode) {
			return
		}
	}
}

const ok = "HTTP/1.1 200 OK\r\n"

// misbehave answers a call and reports whether the connection goes on.
func misbehave(c net.Conn, mode string) bool {
	switch mode {
	case "leave":
		return false
	case "die":
		os.Exit(1)
	case "silent":
		time.Sleep(time.Hour)
	case "garbage":
		_, _ = c.Write(bytes.Repeat([]byte{0, 0xff, 'x', '\r'}, 4096))
		return false
	case "headers":
		_, _ = io.WriteString(c, ok+"X-A: "+strings.Repeat("a", 1<<20)+"\r\nContent-Length: 0\r\n\r\n")
		return false
	case "half":
		_, _ = io.WriteString(c, ok+"Content-Length: 1000000\r\n\r\nnot all")
		return false
	case "twice":
		_, _ = io.WriteString(c, ok+"Content-Length: 2\r\n\r\nok"+ok+"Content-Length: 4\r\n\r\nevil")
		return true
	case "endless": // 10 GB, or until nobody wants more
		_, err := io.WriteString(c, ok+"Content-Length: 10000000000\r\n\r\n")
		for chunk := make([]byte, 1<<20); err == nil; {
			_, err = c.Write(chunk)
		}
		return false
	default:
		_, _ = io.WriteString(c, ok+"Content-Length: 2\r\n\r\nok")
	}
	return true
}
