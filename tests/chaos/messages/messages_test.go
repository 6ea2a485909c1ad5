package messages

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// full is whether the test has its whole length.
var full = os.Getenv("CHAOS") == "full"

func seed(t *testing.T) uint64 {
	t.Helper()
	s := uint64(time.Now().UnixNano())
	if v, err := strconv.ParseUint(os.Getenv("CHAOS_SEED"), 10, 64); err == nil {
		s = v
	}
	t.Logf("CHAOS_SEED=%d", s)
	return s
}

// mutant is a fault of the queue or of a function that the check has to find.
type mutant struct {
	env         []string    // of the nodes
	replace     [][2]string // in what is sent to Postgres
	twice, skip bool        // of the receiver
}

func open(t *testing.T, s uint64, m mutant) *rig {
	t.Helper()
	r := &rig{db: openDatabase(t), rand: rand.New(rand.NewPCG(s, 1))}
	r.fns = openReceiver(t, rand.New(rand.NewPCG(s, 2)), m.twice, m.skip)
	var err error
	if r.net, err = newProxy(r.db.address()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.net.Close() })
	r.net.replace = m.replace
	bin := build(t)
	for i := range 3 {
		r.nodes = append(r.nodes, newNode(t, bin, fmt.Sprintf("n%d", i), r.db.through(r.net), r.fns.socket, m.env...))
	}
	return r
}

// run sends n messages while the faults happen, one after the other.
func (r *rig) run(t *testing.T, n int, plan []fault) report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Minute)
	defer cancel()
	var done atomic.Int64 // faults
	sent := make(chan *ledger, 1)
	go func() {
		sent <- r.send(ctx, n, func() float64 { return float64(done.Load()+1) / float64(len(plan)+1) })
	}()
	for i, f := range plan {
		if ctx.Err() != nil {
			t.Fatalf("only %d of %d faults in the time there was", i, len(plan))
		}
		one, stop := context.WithTimeout(ctx, 30*time.Second)
		if err := f.do(one, r); err != nil {
			t.Errorf("fault %d, %s: %v", i, f.name, err)
		}
		stop()
		r.net.to.Store(new(r.db.address()))
		done.Add(1)
		time.Sleep(time.Duration(200+r.rand.IntN(600)) * time.Millisecond)
	}
	r.stopped.Wait()
	done.Store(int64(len(plan))) // also of none
	l := <-sent
	idle, stop := context.WithTimeout(ctx, 3*time.Minute)
	defer stop()
	if err := r.settle(idle); err != nil {
		t.Error(err)
	}
	rep, err := r.check(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestMessages_NoneIsLostAndNoneHasTwoEffects(t *testing.T) {
	s := seed(t)
	r := open(t, s, mutant{})
	kinds := slices.Clone(faults)
	if r.db.small {
		kinds = append(kinds, diskFull)
	} else {
		t.Log("NOT BROKEN: the disk; only root can make one that is full")
	}
	messages, each := 4000, 1
	if full {
		messages, each = 100_000, 20
	}
	var plan []fault
	for range each {
		plan = append(plan, kinds...)
	}
	r.rand.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	begun := time.Now()
	rep := r.run(t, messages, plan)
	most, n, err := r.fns.longest()
	if err != nil {
		t.Error(err)
	}
	if !rep.ok() {
		t.Errorf("%v\nlost %v\ndoubled %v\nout of order %v\ndead %v", rep, some(rep.lost), some(rep.doubled), some(rep.disorder), some(rep.wrongDead))
	}
	if rep.accepted < messages || rep.done+rep.dead < messages {
		t.Errorf("too little went through: %v", rep)
	}
	fmt.Printf("messages: %v; %d faults of %d kinds in %.0f s; %d of killed workers came again within %.1f s; CHAOS_SEED=%d\n",
		rep, len(plan), len(kinds), time.Since(begun).Seconds(), n, most.Seconds(), s)
}

func some(ids []string) string { return strings.Join(ids[:min(len(ids), 10)], " ") }
