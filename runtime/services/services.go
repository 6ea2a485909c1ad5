// Package services starts, adopts, checks and stops private instances of
// Postgres and Redis: on loopback, with generated passwords, each in a
// directory of its own, as an unprivileged user when the caller is root. It does
// not know what is stored in them.
//
// A service outlives the process that started it. It runs in a session of its
// own, so Ctrl-C in a terminal does not reach it, and when its parent is killed
// the next start finds it by its pid file and command line, proves with the
// password that it is the same one, and goes on using it. Only Stop ends it.
//
// What a directory holds (the caller's user owns the files, the service's user
// the folders):
//
//	lock        held while somebody starts the service
//	password    32 random bytes, mode 0600
//	port        the port it listened on last
//	*.conf      written at every start
//	start.log   what the last start printed before it had a log
//	data/ log/ run/
package services

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// DefaultStartTimeout bounds a start when the caller's context has no deadline. A crash
// recovery of Postgres is what may take long.
const DefaultStartTimeout = 2 * time.Minute

// Config says where a service lives. The zero value of all but Dir is good.
type Config struct {
	// Dir is the service's own directory; it is made when missing. Everyone on
	// the way to it must let the service's user through, see ErrUnreachable.
	Dir string
	// External is the URL of a service that somebody else runs. When it is set
	// nothing is started or stopped and Dir is not touched.
	External string
	// User is the system user to run as when the caller is root. The default is
	// the service's customary user when it exists, else nobody. Data that is
	// there already keeps its owner, whatever is said here.
	User string
	// Log hears of starts, adoptions and stops. The default is silence.
	Log *slog.Logger
}

func (c Config) logger() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

// ErrMissing is returned when the machine has no binary of the service.
var ErrMissing = errors.New("not installed")

// ErrRefused is returned when a running service does not take our password, or
// when what answers at its port is not it.
var ErrRefused = errors.New("the running service refuses us")

// ErrUnreachable is what an *UnreachableError is, for errors.Is.
var ErrUnreachable = errors.New("directory closed to the service's user")

// UnreachableError names the directory that keeps the service's user from its
// data, such as /root with mode 0700. Keep the state elsewhere, or open it.
type UnreachableError struct {
	Dir  string // the first directory on the way that is closed
	User string // who has to pass
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("user %s may not enter %s", e.User, e.Dir)
}

// Is makes errors.Is(err, ErrUnreachable) true.
func (e *UnreachableError) Is(target error) bool { return target == ErrUnreachable }
