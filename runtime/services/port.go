package services

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
)

// Ports are chosen below the range the kernel takes for outgoing connections
// (ip_local_port_range, 32768 and up by default), so that no passing connection
// holds ours when the service starts the next time.
const minPort, maxPort = 20000, 32000

// free reports whether a service could listen on the loopback port now.
func free(port int) bool {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func choose() (int, error) {
	for range 200 {
		if port := minPort + rand.IntN(maxPort-minPort); free(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port found on 127.0.0.1 between %d and %d", minPort, maxPort)
}

var errNobody = errors.New("nobody listens")

// listener tells which user listens on the loopback port, from /proc/net/tcp.
// A password goes to a port only when that user is the service's own: another
// process may have taken the port in the meantime.
func listener(port int) (uid uint32, err error) {
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return listenerIn(f, port)
}

func listenerIn(table io.Reader, port int) (uid uint32, err error) {
	// "0100007F" is 127.0.0.1 in the kernel's byte order, "0A" is TCP_LISTEN.
	want := fmt.Sprintf("0100007F:%04X", port)
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		col := strings.Fields(lines.Text())
		if len(col) < 8 || col[1] != want || col[3] != "0A" {
			continue
		}
		n, err := strconv.ParseUint(col[7], 10, 32)
		return uint32(n), err
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, errNobody
}
