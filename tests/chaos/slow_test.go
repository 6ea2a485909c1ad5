package chaos

import (
	"testing"
	"time"

	"fnstore/tests/chaos/actors"
	"fnstore/tests/chaos/load"
	"fnstore/tests/chaos/slowclient"
)

// A thousand clients that are as slow as they can be hold on to one function;
// who is not slow is served, by that function and by others. How quickly is for
// tests/bench/overload to say.
func TestSlow_ClientsKeepNobodyOut(t *testing.T) {
	const name, clients = "trickled", 1000
	length := of(6*time.Second, time.Minute)
	must(t, stage.Deploy(actors.Function(name, stage.Probe)))
	drop(t, name)
	must(t, stage.Await(name, 1))

	group := &slowclient.Group{Address: stage.Address(), Path: "/function/" + name}
	group.Hold(t.Context(), clients)
	held := group.Held()
	var least int
	done := make(chan struct{})
	go func() {
		defer close(done)
		least = clients
		for range int(length / (100 * time.Millisecond)) {
			time.Sleep(100 * time.Millisecond) // a sample of how many hold on
			least = min(least, group.Held())
		}
	}()
	for _, path := range []string{"/function/" + name, "/function/hello"} {
		calls := load.Run(t.Context(), load.Plan{Address: stage.Address(), Request: load.Post(path, "{}"), Rate: 50, Conns: 8}, length/2)
		tally := load.Count(calls)
		t.Logf("%s beside %d slow clients: %s", path, held, tally)
		if tally.OK != tally.Calls || tally.Calls == 0 {
			t.Errorf("%s: %s", path, tally)
		}
	}
	<-done
	group.End()
	t.Logf("%s; %d held at first, never less than %d", group, held, least)
	if held < clients*9/10 {
		t.Errorf("%d of %d slow clients were held: it was not them that were borne", held, clients)
	}
	if status, _, err := stage.Say(name); err != nil || status != 200 {
		t.Errorf("afterwards: %d %v", status, err)
	}
}
