package express

import (
	"errors"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// read and write are made without telling the Go scheduler: descriptors here
// never block, and telling takes as long as the call.

func read(fd int, b []byte) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if err != 0 {
		return 0, err
	}
	return int(n), 0
}

func write(fd int, b []byte) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if err != 0 {
		return 0, err
	}
	return int(n), 0
}

// quiet reports that there is nothing to read.
func quiet(fd int) bool {
	var b [1]byte
	_, _, err := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	return err == syscall.EAGAIN
}

// dial connects to a unix socket, or fails at once.
func dial(path string) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// take takes the descriptor out of the connection, and so out of the reach of
// the Go scheduler: what happens on it would wake that up for nothing.
func take(c net.Conn) (fd int, err error) {
	inner := c
	if w, ok := c.(interface{ NetConn() net.Conn }); ok {
		inner = w.NetConn()
	}
	tcp, ok := inner.(*net.TCPConn)
	if !ok {
		return -1, errors.ErrUnsupported
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd = -1
	if failed := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); failed != nil {
		return -1, failed
	}
	if err != nil {
		return -1, err
	}
	_ = tcp.Close()
	return fd, nil
}

// give makes a connection of the descriptor, which is the connection's then.
func give(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close() // FileConn has a copy
	return net.FileConn(f)
}

// owned is a connection that was given back by the loop; what it was taken from
// is closed with it.
type owned struct {
	net.Conn
	from net.Conn
}

// NetConn is what is below.
func (o *owned) NetConn() net.Conn { return o.Conn }

// RemoteAddr is where the client was, also when it has gone.
func (o *owned) RemoteAddr() net.Addr { return o.from.RemoteAddr() }

// CloseWrite and SyscallConn are what the connection below can do.
func (o *owned) CloseWrite() error {
	if t, ok := o.Conn.(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (o *owned) SyscallConn() (syscall.RawConn, error) {
	if s, ok := o.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func (o *owned) Close() error {
	_ = o.from.Close() // was closed before, but for who counts it
	return o.Conn.Close()
}
