// Command idle starts a whole store, leaves it alone, and measures what it
// costs while nothing happens: the memory of fnstore and how often it wakes up,
// and the memory and the processor time of all that runs because of it,
// Postgres, Redis and the functions among it. It does not know why anything
// wakes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"fnstore/tests/bench/report"
	"fnstore/tests/storetest"
)

func main() {
	length := flag.Duration("for", 2*time.Minute, "of the measurement: the runtime itself collects every two minutes")
	timeout := flag.Duration("settle", 4*time.Minute, "after which it is taken as it is")
	each := flag.Bool("v", false, "also print every process")
	flag.Parse()
	if err := measure(os.Stdout, *length, *timeout, *each); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// section is the name of the rows.
const section = "idle"

func measure(out io.Writer, length, timeout time.Duration, each bool) error {
	s, err := storetest.Open()
	if err != nil {
		return err
	}
	err = watch(out, s.PID(), length, timeout, each)
	if closing := s.Close(); err == nil {
		err = closing
	}
	return err
}

func watch(out io.Writer, pid int, length, timeout time.Duration, each bool) error {
	if err := awaitQuiet(pid, timeout); err != nil {
		return err
	}
	before, err := look(pid)
	if err != nil {
		return err
	}
	time.Sleep(length)
	after, err := look(pid)
	if err != nil {
		return err
	}
	took := after.at.Sub(before.at).Seconds()
	wakes := after.wakes(before, pid) / took
	own := after.all[pid]
	var pss, percent float64
	for id, p := range after.all {
		cpu := (p.cpu - before.all[id].cpu).Seconds() / took * 100
		pss, percent = pss+mib(p.pss), percent+cpu
		if each {
			fmt.Fprintf(out, "%8d %6.1f MiB %6.3f %% %6.2f wake-ups/s  %s\n", id, mib(p.pss), cpu, after.wakes(before, id)/took, p.name)
		}
	}
	report.Print(out,
		report.Row{Section: section, What: "fnstore, resident", Got: mib(own.rss), Unit: "MiB", Bar: 60},
		report.Row{Section: section, What: "fnstore, wake-ups", Got: wakes, Unit: "/s", Bar: 3, Note: "voluntary context switches of all its threads"},
		report.Row{Section: section, What: "whole store, memory (PSS)", Got: pss, Unit: "MiB", Bar: 250, Note: fmt.Sprintf("%d processes: Postgres, Redis and functions among them", len(after.all))},
		report.Row{Section: section, What: "whole store, processor", Got: percent, Unit: "% of a core", Bar: 1},
	)
	return nil
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// start is what a store goes on doing after it said that it is up: a minute
// later it looks for images that nobody wants, and connections that were opened
// for the start are given up.
const start = 75 * time.Second

// awaitQuiet waits until a start is over: two looks ten seconds apart that find
// fnstore as large as it was, and about as calm as before.
func awaitQuiet(pid int, timeout time.Duration) error {
	const apart = 10 * time.Second
	time.Sleep(start)
	last, err := look(pid)
	if err != nil {
		return err
	}
	calm := -1.0 // wake-ups between the two looks before
	for end := time.Now().Add(timeout); time.Now().Before(end); {
		time.Sleep(apart)
		now, err := look(pid)
		if err != nil {
			return err
		}
		wakes := now.wakes(last, pid)
		same := now.all[pid].rss >= last.all[pid].rss*99/100 // what a start took is given back bit by bit
		if same && calm >= 0 && wakes <= 2*calm+10 && calm <= 2*wakes+10 {
			return nil
		}
		last, calm = now, wakes
	}
	return nil // it is measured as it is
}
