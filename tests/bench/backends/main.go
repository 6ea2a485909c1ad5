// Command backends measures one function in three ways side by side: as a
// process, as a container of Docker, and as a container that containerd starts
// with runc, which is what faasd has. Of each it takes the memory while idle and
// the time from nothing to the first answer. It needs root and Docker's packages.
package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"fnstore/tests/bench/report"
	"fnstore/tests/docker/engine"
	"fnstore/tests/storetest"
)

const (
	section = "backends"
	rounds  = 7
	most    = time.Minute // for one thing to happen
)

func main() {
	os.Exit(engine.Apart(func() int {
		var rows []report.Row
		for _, m := range []struct {
			name    string
			measure func() (figures, error)
		}{
			{"process", func() (figures, error) { return inStore("process", "") }},
			{"Docker container", inDocker},
			{"containerd with runc", inContainerd},
		} {
			f, err := m.measure()
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				rows = append(rows, report.NotMeasured(section, "hello as "+m.name, err.Error()))
				continue
			}
			rows = append(rows,
				report.Row{Section: section, What: "hello as " + m.name + ": idle, resident", Got: float64(f.function) / (1 << 20), Unit: "MiB", Least: true, Note: fmt.Sprintf("and %.1f MiB of helpers of its own", float64(f.helper)/(1<<20))},
				report.Row{Section: section, What: "hello as " + m.name + ": from nothing to the first answer, p50", Got: float64(median(f.wake)) / 1e6, Unit: "ms", Least: true, Note: f.note})
		}
		report.Print(os.Stdout, rows...)
		return 0
	}))
}

// figures are those of one way.
type figures struct {
	function, helper int64 // bytes
	wake             []time.Duration
	note             string
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func inDocker() (figures, error) {
	docker, err := engine.Start(engine.Dir())
	if err != nil {
		return figures{}, err
	}
	defer docker.Stop()
	return inStore("docker", docker.Host)
}

// inStore measures hello in a store, through its gateway.
func inStore(backend, host string) (f figures, err error) {
	store, err := storetest.Open("FNSTORE_BACKEND="+backend, "DOCKER_HOST="+host)
	if err != nil {
		return f, err
	}
	defer store.Close()
	for n := range rounds + 1 {
		if err := scale(store, 0); err != nil {
			return f, err
		}
		if err := until("hello is stopped", func() bool { return len(functions()) == 0 }); err != nil {
			return f, err
		}
		time.Sleep(time.Second) // the container for the next call is made
		began := time.Now()
		if err := get(store.URL + "/function/hello"); err != nil {
			return f, err
		}
		if n > 0 {
			f.wake = append(f.wake, time.Since(began))
		}
	}
	time.Sleep(2 * time.Second)
	f.note = fmt.Sprintf("through the gateway; %d rounds", rounds)
	f.function, f.helper, err = memory()
	return f, err
}

func scale(store *storetest.Store, replicas int) error {
	req, err := http.NewRequest(http.MethodPost, store.URL+"/system/scale-function/hello", bytes.NewReader(fmt.Appendf(nil, `{"serviceName":"hello","replicas":%d}`, replicas)))
	if err != nil {
		return err
	}
	req.SetBasicAuth(store.User, store.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func get(url string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, res.Status)
	}
	return nil
}

func until(what string, done func() bool) error {
	for end := time.Now().Add(most); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("not after %s: %s", most, what)
		}
	}
	return nil
}

// lines are the words of each line of a program's output.
func lines(text string) (list [][]string) {
	for line := range strings.Lines(text) {
		list = append(list, strings.Fields(line))
	}
	return list
}
