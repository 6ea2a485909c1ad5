package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"fnstore/tests/chaos/actors"
)

// cost is the processor's time that each part had.
type cost struct{ store, function, generator time.Duration }

func used(stage *actors.Stage, function string) (c cost) {
	for _, pid := range stage.PIDs(function) {
		c.function += processor(pid)
	}
	c.store, c.generator = processor(stage.PID()), processor(os.Getpid())
	return c
}

// since says what one of the calls has cost.
func (c cost) since(before cost, calls int) string {
	each := func(d time.Duration) time.Duration { return (d / time.Duration(max(calls, 1))).Round(time.Microsecond) }
	return fmt.Sprintf("%s of the store's processor time, %s of the function's, %s of the generator's",
		each(c.store-before.store), each(c.function-before.function), each(c.generator-before.generator))
}

// tick is the unit of /proc/PID/stat, which Linux gives programs as a hundredth
// of a second everywhere (proc(5), USER_HZ).
const tick = time.Second / 100

// processor is the time a process has had; 0 for one that has ended.
func processor(pid int) (d time.Duration) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name may have spaces
	f := strings.Fields(rest)
	for _, i := range []int{11, 12} { // utime, stime
		n, _ := strconv.Atoi(f[i])
		d += time.Duration(n) * tick
	}
	return d
}
