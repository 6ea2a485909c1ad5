package server_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Package log belongs to the handler: what it prints is plain, with the time that
// package log writes, while slog writes JSON.
func TestLog_PrintStaysPlain(t *testing.T) {
	cmd := command(t)
	var printed strings.Builder
	cmd.Stderr = &printed
	cmd.Env = append(cmd.Env, "port=0", "metrics_port=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var address string
	for address == "" && lines.Scan() {
		_, rest, _ := strings.Cut(lines.Text(), `"address":"`)
		address, _, _ = strings.Cut(rest, `"`)
	}
	_, port, _ := net.SplitHostPort(address)
	res, err := http.Get("http://127.0.0.1:" + port + "/print")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	cmd.Process.Signal(syscall.SIGTERM)
	var said strings.Builder
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
	}
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if !regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d printed by the handler\n$`).MatchString(printed.String()) {
		t.Errorf("printed %q", printed.String())
	}
	if !strings.Contains(said.String(), `"msg":"said by the handler","n":2}`) || strings.Contains(said.String(), "printed") {
		t.Errorf("said %s", said.String())
	}
}
