package main

import (
	"fmt"
	"os"
	"path/filepath"
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

// processor is the time that the threads of a process have had, as the scheduler
// counts it (Documentation/scheduler/sched-stats.rst of the kernel); 0 for one
// that has ended. The ticks of /proc/PID/stat would count whole hundredths of a
// second to whoever runs when one ends, and calls are shorter than that.
func processor(pid int) (d time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid)) // a bad pattern alone is an error
	for _, t := range threads {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // it has ended
		}
		ran, _, _ := strings.Cut(string(b), " ")
		n, _ := strconv.ParseInt(ran, 10, 64)
		d += time.Duration(n)
	}
	return d
}
