package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
)

// frames reads what a container writes: the engine puts eight bytes before each
// piece, the stream's number first and the piece's length in the last four
// (Docker Engine API, "Attach to a container", stream format). Both streams are
// given as one, in the order they came.
type frames struct {
	r    io.Reader
	left uint32 // bytes of the piece that is being read
}

func (f *frames) Read(p []byte) (int, error) {
	for f.left == 0 {
		var head [8]byte
		if _, err := io.ReadFull(f.r, head[:]); err != nil {
			return 0, err
		}
		if head[0] > 2 || head[1] != 0 || head[2] != 0 || head[3] != 0 {
			return 0, fmt.Errorf("%x is not the head of a piece of a container's output", head)
		}
		f.left = binary.BigEndian.Uint32(head[4:])
	}
	if len(p) > int(f.left) {
		p = p[:f.left]
	}
	n, err := f.r.Read(p)
	f.left -= uint32(n)
	return n, err
}

// output is a container's output from now on.
type output struct {
	frames
	conn net.Conn
}

func (o *output) Close() error { return o.conn.Close() }

// attach asks for what the container writes. The engine answers as to a change
// of protocol; from then on the connection is the stream.
func (e *engine) attach(ctx context.Context, id string) (*output, error) {
	conn, err := e.dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	path := "/v" + e.version + "/containers/" + id + "/attach?stream=true&stdout=true&stderr=true"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://docker"+path, nil)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "tcp")
	if err := req.Write(conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("attach to a container: %w", err)
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, req)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("attach to a container: %w", err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols && res.StatusCode != http.StatusOK {
		_ = conn.Close()
		return nil, &refusal{res.StatusCode, "attach: " + res.Status}
	}
	return &output{frames{r: r}, conn}, nil
}
