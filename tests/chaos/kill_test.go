package chaos

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fnstore/tests/chaos/actors"
	"fnstore/tests/chaos/load"
)

// death is a process that was killed.
type death struct {
	function   string
	sent, gone time.Time // when the signal was, and when the process was no more
}

// overlooked bounds how long a store may take a process for alive that is not:
// a call that comes in between may be sent to it.
const overlooked = 100 * time.Millisecond

// What kill -9 of a function's process costs: the calls that were in it are
// answered 502; those that come later wait for the next process and succeed, or
// are told to come again when there is none for half a minute; and nobody else
// notices.
func TestKill_KillingFunctionsHurtsNoOther(t *testing.T) {
	length := of(8*time.Second, time.Minute)
	const victims, bystanders, rate = 6, 2, 50
	var names []string
	for i := range victims + bystanders {
		names = append(names, fmt.Sprint("killed-", i))
	}
	for _, n := range names {
		must(t, stage.Deploy(actors.Function(n, stage.Probe)))
		drop(t, n)
		must(t, stage.Await(n, 1))
	}
	names = append(names, "hello")

	calls := make([][]load.Call, len(names))
	var callers sync.WaitGroup
	for i, n := range names {
		request := load.Post("/function/"+n+"?ms=10", "{}")
		callers.Go(func() {
			calls[i] = load.Run(t.Context(), load.Plan{Address: stage.Address(), Request: request, Rate: rate, Conns: 200}, length)
		})
	}
	deaths := killing(t, names[:victims], length)
	callers.Wait()

	t.Logf("%d processes killed in %s; %d functions, %d calls a second of each", len(deaths), length, len(names), rate)
	inside, waited, wrong := 0, 0, map[string]int{}
	for i, n := range names {
		tally := load.Count(calls[i])
		t.Logf("%s: %s; longest %s", n, tally, load.Quantile(load.Times(calls[i]), 1))
		for _, c := range calls[i] {
			switch own := slices.ContainsFunc(deaths, func(d death) bool { return d.function == n && during(d, c) }); {
			case c.Status == 200:
			case i >= victims:
				wrong[n+", which nobody killed: "+c.Kind()]++
			case c.Status == 502 && c.Code == "function_unreachable" && own:
				inside++
			case c.Status == 503 && c.Retry && (c.Code == "function_not_ready" || c.Code == "too_many_held"):
				waited++
			default:
				wrong[fmt.Sprintf("%s: %s, sent %s before the nearest death", n, c.Kind(), nearest(deaths, n, c).Round(10*time.Millisecond))]++
			}
		}
	}
	for what, n := range wrong {
		t.Errorf("%d × %s", n, what)
	}
	t.Logf("%d calls ended with the process they were in, %d were told to come again", inside, waited)
	if len(deaths) < 5 {
		t.Errorf("only %d processes were killed", len(deaths))
	}
}

// A call that is in a process when it is killed is answered 502, and never sent
// a second time: nobody knows how far it had come. The next one finds the next
// process.
func TestKill_ACallEndsWithItsProcess(t *testing.T) {
	const name = "cut-off"
	must(t, stage.Deploy(actors.Function(name, stage.Probe)))
	drop(t, name)
	must(t, stage.Await(name, 1))
	for n := range of(3, 20) {
		status, first, err := stage.Say(name)
		if err != nil || status != 200 {
			t.Fatalf("%d %s %v", status, first, err)
		}
		type answer struct {
			status int
			body   string
			err    error
		}
		answers, words := make(chan answer, 1), fmt.Sprint("here-", n, ".")
		go func() {
			status, body, err := stage.Say(name + "?ms=60000&say=" + words)
			answers <- answer{status, body, err}
		}()
		arrived(t, name, words)
		for _, pid := range stage.PIDs(name) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if a := <-answers; a.err != nil || a.status != 502 || !strings.Contains(a.body, `"function_unreachable"`) {
			t.Errorf("round %d: the call that was in it met %d %s %v", n, a.status, a.body, a.err)
		}
		if status, second, err := stage.Say(name); err != nil || status != 200 || second == first {
			t.Errorf("round %d: the next call met %d %s %v", n, status, second, err)
		}
	}
}

// arrived waits until the function's process has said the words.
func arrived(t *testing.T, name, words string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		log, err := os.ReadFile(filepath.Join(stage.State, "logs", name+".ndjson"))
		if bytes.Contains(log, []byte(words)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the call does not arrive: %v", err)
		}
	}
}

// killing kills a process of one of the functions every 200 ms.
func killing(t *testing.T, names []string, length time.Duration) (deaths []death) {
	random := seeded(t)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) < length; <-tick.C {
		n := names[random.IntN(len(names))]
		pids := stage.PIDs(n)
		if len(pids) == 0 {
			continue // it has not come back yet
		}
		d := death{function: n, sent: time.Now()}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may be quicker
		}
		for _, pid := range pids {
			for late := d.sent.Add(time.Minute); syscall.Kill(pid, 0) == nil; time.Sleep(100 * time.Microsecond) {
				if time.Now().After(late) { // it should have been reaped
					t.Errorf("%s: the process %d does not die", n, pid)
					return deaths
				}
			}
		}
		d.gone = time.Now()
		deaths = append(deaths, d)
	}
	return deaths
}

// during reports whether the call may have been in the process when it died.
func during(d death, c load.Call) bool {
	return !c.Sent.After(d.gone.Add(overlooked)) && !c.End().Before(d.sent)
}

func nearest(deaths []death, name string, c load.Call) (best time.Duration) {
	best = time.Hour
	for _, d := range deaths {
		if by := d.sent.Sub(c.Sent); d.function == name && by.Abs() < best.Abs() {
			best = by
		}
	}
	return best
}
