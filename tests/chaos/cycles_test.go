package chaos

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/tests/chaos/actors"
)

// Functions come and go, under few names that are used again and again, some
// with a secret, some deployed over while they start, some deleted before they
// are ready; and nothing of them stays.
func TestCycles_NothingIsLeftOfWhatIsDeleted(t *testing.T) {
	cycles := of(60, 1000)
	random := seeded(t)
	must(t, stage.System(http.MethodPost, "/system/secrets", types.Secret{Name: "cycle-key", Value: "v"}, nil))
	t.Cleanup(func() {
		must(t, stage.System(http.MethodDelete, "/system/secrets", types.Secret{Name: "cycle-key"}, nil))
	})
	called, unready := 0, 0
	cycle := func(n int) {
		t.Helper()
		name := fmt.Sprint("cycled-", random.IntN(3))
		version := fmt.Sprint(n)
		d := actors.Function(name, stage.Probe, "version", version)
		if random.IntN(2) == 0 {
			d.Secrets = []string{"cycle-key"}
		}
		must(t, stage.Deploy(d))
		if random.IntN(4) == 0 {
			version += "b"
			d.EnvVars["version"] = version
			must(t, stage.Deploy(d))
		}
		if random.IntN(4) > 0 {
			status, body, err := stage.Say(name)
			// While a second deployment starts, the first may answer.
			if err != nil || status != 200 || !strings.Contains(body, " version="+strings.TrimSuffix(version, "b")) {
				t.Fatalf("cycle %d: %d %s %v", n, status, body, err)
			}
			called++
		} else {
			unready++
		}
		must(t, stage.Remove(name))
		if pids := stage.PIDs(name); len(pids) > 0 {
			t.Fatalf("cycle %d: %s is deleted, and its processes %v run", n, name, pids)
		}
		if status, _, err := stage.Say(name); err != nil || status != http.StatusNotFound {
			t.Fatalf("cycle %d: %s is deleted, and a call of it says %d %v", n, name, status, err)
		}
	}
	before := settled(t, map[string]string{"warm": stage.Probe})
	var memory []int
	begun := time.Now()
	for n := range cycles {
		cycle(n)
		memory = append(memory, resident(t))
	}
	t.Logf("%d cycles in %s: %d with a call, %d deleted before", cycles, time.Since(begun).Round(time.Second), called, unready)
	untraced(t, before, cycles/10)

	// Memory goes up and down by what the collector has not got round to. So the
	// middle of a hundred cycles is compared with the middle of the last hundred.
	part := cycles / 10
	first, last := median(memory[part:2*part]), median(memory[cycles-part:])
	growth := 100 * float64(last-first) / float64(first)
	t.Logf("memory of its own: %d KiB, then %d KiB, %+.1f %%", first, last, growth)
	if full && growth >= 5 {
		t.Errorf("the store grows: %v", sampled(memory))
	}
}

func median(list []int) int {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// sampled is a few of many.
func sampled(list []int) (few []int) {
	for i := 0; i < len(list); i += max(len(list)/20, 1) {
		few = append(few, list[i])
	}
	return few
}
