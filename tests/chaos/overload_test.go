package chaos

import (
	"testing"
	"time"

	"fnstore/tests/chaos/actors"
	"fnstore/tests/chaos/load"
)

// What a store cannot take it says so, with 429 or 503 and when to come again;
// what it takes it answers; and who calls another function notices nothing. How
// much it takes is for tests/bench/overload to say.
func TestOverload_IsShedAloud(t *testing.T) {
	length := of(3*time.Second, 30*time.Second)
	for _, c := range []struct {
		name string
		rate float64
		env  []string
	}{
		{"bounded", 2000, []string{"probe_ms", "20", "max_inflight", "8"}}, // by the function: 400 a second
		{"unbounded", 2000, []string{"probe_ms", "1000"}},                  // by the gateway
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, stage.Deploy(actors.Annotate(actors.Function(c.name, stage.Probe, c.env...), "fnstore.scale.max", "1")))
			drop(t, c.name)
			must(t, stage.Await(c.name, 1))
			beside := make(chan []load.Call, 1)
			go func() {
				beside <- load.Run(t.Context(), load.Plan{Address: stage.Address(), Request: load.Post("/function/hello", "{}"), Rate: 20, Conns: 8}, length)
			}()
			calls := load.Run(t.Context(), load.Plan{Address: stage.Address(), Request: load.Post("/function/"+c.name, "{}"), Rate: c.rate, Conns: 960}, length)
			tally, other := load.Count(calls), load.Count(<-beside)
			t.Logf("%s", tally)
			t.Logf("hello beside it: %s", other)
			if tally.OK == 0 || tally.Shed == 0 || tally.OK+tally.Shed != tally.Calls {
				t.Errorf("calls are lost: %s", tally)
			}
			if tally.Mute > 0 {
				t.Errorf("%d were shed without Retry-After", tally.Mute)
			}
			if other.OK != other.Calls {
				t.Errorf("hello: %s", other)
			}
		})
	}
}
