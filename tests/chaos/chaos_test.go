// Package chaos breaks whole stores on purpose and counts what their callers
// notice. Each test has a short form, for every change, and the length that its
// promise speaks of: CHAOS=full, or make chaos. It prints what it broke, what
// it sent and what came back.
package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"fnstore/tests/chaos/actors"
	"fnstore/tests/storetest"
)

// full is whether the tests have their whole length.
var full = os.Getenv("CHAOS") == "full"

// of gives the short length or the whole one.
func of[T any](short, whole T) T {
	if full {
		return whole
	}
	return short
}

// stage is the store of all tests here, each of which clears away what it adds.
var stage *actors.Stage

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	store, err := storetest.Open()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the store does not start:", err)
		return 1
	}
	code := 1
	if stage, err = actors.Set(store); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := store.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// seeded gives chance that can be had again: CHAOS_SEED=n.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if v, err := strconv.ParseUint(os.Getenv("CHAOS_SEED"), 10, 64); err == nil {
		seed = v
	}
	t.Logf("CHAOS_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// must ends the test when the operator's request was not granted.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v\n%s", err, stage.Logs())
	}
}

// drop deletes functions at the end of the test.
func drop(t *testing.T, names ...string) {
	t.Cleanup(func() {
		for _, n := range names {
			if err := stage.Remove(n); err != nil {
				t.Error(err)
			}
		}
	})
}
