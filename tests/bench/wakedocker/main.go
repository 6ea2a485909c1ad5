// Command wakedocker measures how long the first call of a sleeping function
// takes when functions are containers, beside what the same engine needs from
// `docker run` of the same image with the same sandboxFlags to its first 200. Both
// take turns in one run. It needs root and Docker's packages.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
	section = "wakedocker"
	rounds  = 15
	bar     = 1.5
)

// sandboxFlags are those that the store gives hello's containers.
var sandboxFlags = strings.Fields("--read-only --tmpfs /tmp:rw,nosuid,nodev,noexec,size=64m,mode=1777,uid=65532,gid=65532 --user 65532:65532 --cap-drop ALL " +
	"--security-opt no-new-privileges --pids-limit 512 --memory 64m --memory-swap 64m --cpus 0.5 --ulimit nofile=8192 --ulimit core=0 --log-driver none")

func main() {
	os.Exit(engine.Apart(func() int {
		rows, err := measure()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			rows = []report.Row{report.NotMeasured(section, "wake of a container ÷ docker run to first 200, p50", err.Error())}
		}
		report.Print(os.Stdout, rows...)
		return 0
	}))
}

type bench struct {
	docker *engine.Engine
	store  *storetest.Store
}

func measure() (rows []report.Row, err error) {
	docker, err := engine.Start(engine.Dir())
	if err != nil {
		return nil, err
	}
	defer docker.Stop()
	store, err := storetest.Open("FNSTORE_BACKEND=docker", "DOCKER_HOST="+docker.Host)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	b := &bench{docker, store}
	image := store.Env["FNSTORE_REGISTRY"] + "/fnstore/hello:dev"
	var wake, run []time.Duration
	for n := range rounds + 1 {
		w, err := b.wake()
		if err != nil {
			return nil, err
		}
		r, err := b.run(image)
		if err != nil {
			return nil, err
		}
		if n > 0 { // the first of each warms the caches
			wake, run = append(wake, w), append(run, r)
		}
	}
	note := fmt.Sprintf("%d rounds, in turns; machine load %s", rounds, load())
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return []report.Row{
		{Section: section, What: "first call of a sleeping container, p50", Got: ms(median(wake)), Unit: "ms", Least: true, Note: note},
		{Section: section, What: "docker run to first 200, p50", Got: ms(median(run)), Unit: "ms", Least: true, Note: "the same image, limits and user"},
		{Section: section, What: "wake of a container ÷ docker run to first 200, p50", Got: ms(median(wake)) / ms(median(run)), Unit: "×", Bar: bar, Aim: 1},
	}, nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

// wake puts hello to sleep, waits until the container for the next call is
// made, and times that call through the gateway.
func (b *bench) wake() (time.Duration, error) {
	body, err := json.Marshal(map[string]any{"serviceName": "hello", "replicas": 0})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequest(http.MethodPost, b.store.URL+"/system/scale-function/hello", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.SetBasicAuth(b.store.User, b.store.Password)
	if err := do(req); err != nil {
		return 0, err
	}
	for bound := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		state, err := b.docker.Run(nil, "ps", "-a", "--filter", "label=fnstore.function=hello", "--format", "{{.State}}")
		if err != nil {
			return 0, err
		}
		if state == "created" {
			break
		}
		if time.Now().After(bound) {
			return 0, fmt.Errorf("hello does not sleep: its containers are %q", state)
		}
	}
	if req, err = http.NewRequest(http.MethodGet, b.store.URL+"/function/hello", nil); err != nil {
		return 0, err
	}
	began := time.Now()
	err = do(req)
	return time.Since(began), err
}

// run starts a container as a person would and times it to its first 200.
func (b *bench) run(image string) (time.Duration, error) {
	began := time.Now()
	id, err := b.docker.Run(nil, append(append([]string{"run", "-d", "-p", "127.0.0.1::8080"}, sandboxFlags...), image)...)
	if err != nil {
		return 0, err
	}
	defer b.docker.Run(nil, "rm", "-f", id)
	address, err := b.docker.Run(nil, "port", id, "8080/tcp")
	if err != nil {
		return 0, err
	}
	for time.Since(began) < time.Minute {
		req, err := http.NewRequest(http.MethodGet, "http://"+address, nil)
		if err != nil {
			return 0, err
		}
		if do(req) == nil {
			return time.Since(began), nil
		}
		time.Sleep(time.Millisecond)
	}
	return 0, fmt.Errorf("%s does not answer", image)
}

func do(req *http.Request) error {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, res.Status)
	}
	return nil
}
