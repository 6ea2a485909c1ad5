// Command wake measures how long the first call of a sleeping function takes,
// through the whole path of a whole store with every default on: connection,
// gateway, control group, sandbox, exec, readiness, answer. Beside it the same
// binary runs alone, with the same environment and a request that waits for it,
// from exec to its first 200. Both take turns, and ratios are taken within a
// round. It does not know how a function is started.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"fnstore/tests/bench/report"
	"fnstore/tests/storetest"
)

const (
	section = "wake"
	what    = "wake of hello ÷ its own exec to first 200, p50"
	bar     = 2.0
)

func main() {
	rounds := flag.Int("rounds", 200, "interleaved rounds")
	rest := flag.Duration("rest", 100*time.Millisecond, "before each measurement")
	flag.Parse()
	row, err := measure(*rounds, *rest)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		row = report.NotMeasured(section, what, err.Error())
	}
	report.Print(os.Stdout, row)
}

func measure(rounds int, rest time.Duration) (row report.Row, err error) {
	s, err := storetest.Open()
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var woken, alone, ratios []float64
	for n := range rounds + 2 { // the first two fill caches
		w, a, err := round(s, rest)
		if err != nil {
			return row, err
		}
		if n >= 2 {
			woken, alone, ratios = append(woken, ms(w)), append(alone, ms(a)), append(ratios, w.Seconds()/a.Seconds())
		}
	}
	return report.Row{
		Section: section, What: what, Got: middle(ratios), Unit: "×", Bar: bar,
		Note: fmt.Sprintf("%s against %s ms (p10, p50, p90), n=%d", spread(woken), spread(alone), rounds),
	}, nil
}

// round puts hello to sleep, wakes it by a call, and starts it once by itself.
func round(s *storetest.Store, rest time.Duration) (woken, alone time.Duration, err error) {
	if _, err := call(s); err != nil { // so that there is a process to learn from
		return 0, 0, err
	}
	p, err := find(s.PID(), "hello")
	if err != nil {
		return 0, 0, err
	}
	if err := p.sleep(s); err != nil {
		return 0, 0, err
	}
	time.Sleep(rest)
	if woken, err = call(s); err != nil {
		return 0, 0, err
	}
	time.Sleep(rest)
	alone, err = p.again()
	return woken, alone, err
}

// call is one call of hello by somebody who has not called before. It asks as
// the function alone is asked.
func call(s *storetest.Store) (time.Duration, error) {
	begun := time.Now()
	err := ask("tcp", strings.TrimPrefix(s.URL, "http://"), "/function/hello")
	return time.Since(begun), err
}

// sleep scales the function to zero and waits until the process is gone.
func (p *process) sleep(s *storetest.Store) error {
	req, err := http.NewRequest(http.MethodPost, s.URL+"/system/scale-function/hello", strings.NewReader(`{"serviceName":"hello","replicas":0}`))
	if err != nil {
		return err
	}
	req.SetBasicAuth(s.User, s.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("scale hello to zero: %s", res.Status)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if b, err := os.ReadFile(p.proc("environ")); err != nil || !bytes.Equal(b, p.environ) {
			return nil
		}
	}
	return errors.New("hello does not fall asleep")
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

func middle(list []float64) float64 { return slices.Sorted(slices.Values(list))[len(list)/2] }

// spread tells the first tenth, the middle and the last tenth. On a machine that
// others use, the first tenth is about what it would be without them.
func spread(list []float64) string {
	l := slices.Sorted(slices.Values(list))
	return fmt.Sprintf("%.1f %.1f %.1f", l[len(l)/10], l[len(l)/2], l[len(l)*9/10])
}
