//go:build amd64 || arm64

package launch

// clone is clone(2) or clone3(2) of a child that shares the parent's memory,
// and its stack with it: no function that has a frame may stand in between.
func clone(call, a1, a2 uintptr) (pid, errno uintptr)
