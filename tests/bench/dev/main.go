// Command dev measures what a person waits for while `fnstore dev` runs: from
// the moment a file is saved to the first answer of the new version, in a whole
// store. Each edit changes the program, and comes when nothing is left to do for
// the one before. It does not know how the answer comes about.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fnstore/tests/bench/report"
	"fnstore/tests/storetest"
)

const (
	name = "edited"
	// patience is when an answer is given up, far from any bar.
	patience = 2 * time.Minute
)

func main() {
	edits := flag.Int("edits", 15, "files saved, one after the other")
	flag.Parse()
	if err := run(os.Stdout, *edits); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out io.Writer, edits int) (err error) {
	store, err := storetest.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	dir, err := project(store.Root)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	made := store.Command("new", name)
	made.Dir = dir
	if said, err := made.CombinedOutput(); err != nil {
		return fmt.Errorf("fnstore new: %w\n%s", err, said)
	}
	dev := store.Command("dev", name)
	dev.Dir = dir
	said, err := start(dev)
	if err != nil {
		return err
	}
	defer func() {
		_ = dev.Process.Signal(os.Interrupt) // it may have ended by itself
		_ = dev.Wait()
	}()
	took, err := measure(said, filepath.Join(dir, "functions", name, "handler.go"), store.URL+"/function/"+name, edits)
	if err != nil {
		return err
	}
	slices.Sort(took)
	report.Print(out,
		report.Row{Section: "dev", What: "saved edit → new answer, p50", Got: took[len(took)/2].Seconds(), Unit: "s", Bar: 1,
			Note: fmt.Sprintf("%d edits", edits)},
		report.Row{Section: "dev", What: "saved edit → new answer, slowest", Got: took[len(took)-1].Seconds(), Unit: "s", Least: true})
	return nil
}

// project is a copy of what a function is made from, to be changed at will.
func project(root string) (string, error) {
	dir, err := os.MkdirTemp("", "fnstore-bench-")
	if err != nil {
		return "", err
	}
	for _, part := range []string{"stack.yml", "go.mod", "go.sum", "kit", "functions", "template"} {
		copied := exec.Command("cp", "-R", filepath.Join(root, part), dir)
		if said, err := copied.CombinedOutput(); err != nil {
			return "", errors.Join(fmt.Errorf("copy %s: %w: %s", part, err, said), os.RemoveAll(dir))
		}
	}
	return dir, nil
}

// start runs dev and gives a function that waits until dev says a word.
func start(dev *exec.Cmd) (func(word string) error, error) {
	out, err := dev.StdoutPipe()
	if err != nil {
		return nil, err
	}
	dev.Stderr = dev.Stdout
	if err := dev.Start(); err != nil {
		return nil, err
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return func(word string) error {
		var heard []string
		for late := time.After(patience); ; {
			select {
			case l, more := <-lines:
				if strings.Contains(l, word) {
					return nil
				}
				if heard = append(heard, l); !more {
					return fmt.Errorf("dev ended without %q:\n%s", word, strings.Join(heard, "\n"))
				}
			case <-late:
				return fmt.Errorf("dev does not say %q:\n%s", word, strings.Join(heard, "\n"))
			}
		}
	}, nil
}

func measure(said func(string) error, handler, url string, edits int) (took []time.Duration, err error) {
	if err := said("serves at"); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(handler)
	if err != nil {
		return nil, err
	}
	for n := range edits {
		time.Sleep(time.Second) // as a person reads the answer
		word := fmt.Sprintf("edit %d: ", n)
		began := time.Now()
		edited := strings.Replace(string(text), "answer{q.Text}", fmt.Sprintf("answer{%q + q.Text}", word), 1)
		if err := os.WriteFile(handler, []byte(edited), 0o644); err != nil {
			return nil, err
		}
		for answer := ""; !strings.Contains(answer, word); {
			if time.Since(began) > patience {
				return nil, fmt.Errorf("still %q, %s after the edit", answer, patience)
			}
			time.Sleep(2 * time.Millisecond) // the compiler needs the processor
			if answer, err = ask(url); err != nil {
				return nil, err
			}
		}
		took = append(took, time.Since(began))
		if err := said("serves at"); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// ask gives what the function answers now.
func ask(url string) (string, error) {
	res, err := http.Post(url, "application/json", strings.NewReader(`{"text":"x"}`))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return string(body), err
}
