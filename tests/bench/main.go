// Command bench runs the sections of the benchmark one after the other, each a
// program of its own in a folder beside this file, and prints one table of all
// they measured at the end. It fails when a bar was missed, and not when
// something could not be measured: the table says so. It does not know what
// any section does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"fnstore/tests/bench/report"
)

// section is a folder below tests/bench with a program in it, or a package of
// tests.
type section struct {
	name  string
	tests string        // the package
	args  []string      // of the program, or of the compiled tests
	env   []string      // beside this process' own
	most  time.Duration // it is ended then
}

// sections in their order: what disturbs the machine least comes first.
var sections = []section{
	{name: "server", most: 10 * time.Minute},
	{name: "gateway", most: 10 * time.Minute},
	{name: "wake", most: 10 * time.Minute},
	{name: "wakedocker", most: 15 * time.Minute},
	{name: "backends", most: 15 * time.Minute},
	{name: "idle", most: 10 * time.Minute},
	{name: "dev", most: 10 * time.Minute},
	{name: "api", most: 15 * time.Minute},
	{name: "queue", most: 20 * time.Minute},
	{name: "pipeline", most: 20 * time.Minute},
	{name: "surge", most: 15 * time.Minute},
	{name: "overload", most: 20 * time.Minute},
	{name: "hostile", tests: "./runtime/process", args: []string{"-test.run", "Hostile|Isolation|TooMuchMemory|LeavesNothing|EndsItsChildren|CrashLoop"}, most: 10 * time.Minute},
	{name: "attacks", tests: "./tests/conform/gateway", args: []string{"-test.run", "Attacks|Hostile"}, most: 10 * time.Minute},
	{name: "chaos", tests: "./tests/chaos", env: []string{"CHAOS=full"}, most: 30 * time.Minute},
}

func main() {
	only := flag.String("only", "", "sections, with commas between them; all when empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	missed, err := run(ctx, os.Stdout, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if missed > 0 {
		os.Exit(2)
	}
}

// run gives the number of bars that were missed.
func run(ctx context.Context, out io.Writer, only string) (missed int, err error) {
	wanted, err := choose(only)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "fnstore-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	var all []report.Row
	for _, s := range wanted {
		began := time.Now()
		fmt.Fprintf(out, "== %s (load %s)\n", s.name, busy())
		rows, err := s.run(ctx, out, dir)
		if ctx.Err() != nil {
			return 0, errors.New("interrupted")
		}
		switch {
		case err != nil:
			rows = append(rows, report.NotMeasured(s.name, "what is missing above", err.Error()))
		case len(rows) == 0:
			rows = append(rows, report.NotMeasured(s.name, "the whole section", "it printed no row"))
		}
		all = append(all, rows...)
		fmt.Fprintf(out, "== %s took %.0f s\n\n", s.name, time.Since(began).Seconds())
	}
	report.Print(out, all...)
	for _, r := range all {
		if !math.IsNaN(r.Got) && !r.Met() {
			missed++
		}
	}
	fmt.Fprintf(out, "\n%d figures, %d bars missed; load %s\n", len(all), missed, busy())
	return missed, nil
}

// choose gives the sections that are named, in their order.
func choose(only string) (list []section, err error) {
	if only == "" {
		return sections, nil
	}
	names := strings.Split(only, ",")
	for _, s := range sections {
		if i := slices.Index(names, s.name); i >= 0 {
			list, names = append(list, s), slices.Delete(names, i, i+1)
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("no section %s", strings.Join(names, ", "))
	}
	return list, nil
}

// run compiles the section and lets it run; what it prints is seen as it comes.
func (s section) run(ctx context.Context, out io.Writer, dir string) ([]report.Row, error) {
	ctx, cancel := context.WithTimeout(ctx, s.most)
	defer cancel()
	binary, file := filepath.Join(dir, s.name), filepath.Join(dir, s.name+".rows")
	build, args := []string{"build", "-o", binary, "./tests/bench/" + s.name}, s.args
	if s.tests != "" {
		build = []string{"test", "-c", "-o", binary, s.tests}
		args = append([]string{"-test.v", "-test.timeout", s.most.String()}, args...)
	}
	if said, err := exec.CommandContext(ctx, "go", build...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("does not compile: %s", firstLine(said))
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = s.tests // as go test runs it
	cmd.Env = append(append(os.Environ(), s.env...), report.FileVar+"="+file)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	tests := verdicts{section: s.name}
	var last lastLine
	cmd.Stdout, cmd.Stderr = io.MultiWriter(out, &tests), io.MultiWriter(os.Stderr, &last)
	trouble := cmd.Run()
	switch {
	case trouble == nil:
	case ctx.Err() != nil:
		trouble = fmt.Errorf("it was not done after %s", s.most)
	default:
		trouble = fmt.Errorf("%w: %s", trouble, last.text)
	}
	rows, err := report.Read(file)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if s.tests != "" {
		rows = append(rows, tests.rows...)
	}
	return rows, errors.Join(err, trouble)
}

// busy is the machine's load average, by which a reader judges the figures.
func busy() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}
