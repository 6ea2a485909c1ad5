// Package blocking is for system calls that are known to block. An ordinary one
// keeps its processor of the Go runtime until the runtime's watcher takes it
// away, and until then the watcher looks every 20 to 80 µs.
package blocking

import _ "unsafe" // go:linkname

// What package os/signal waits with, and gVisor does, which is why these two
// stay (go.dev/issue/67401).

// Enter gives the processor to other goroutines. Exit must be called from the
// same function; that and what it calls in between must not grow the stack.
//
//go:linkname Enter runtime.entersyscallblock
//go:nosplit
func Enter()

// Exit gets a processor back.
//
//go:linkname Exit runtime.exitsyscall
//go:nosplit
func Exit()
