package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows what is being done: bars on a terminal, lines elsewhere.
type progress struct {
	out  io.Writer
	bars *mpb.Progress // nil without a terminal
	mu   sync.Mutex
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	if f, ok := out.(*os.File); ok && terminal(f) {
		p.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(24), mpb.WithRefreshRate(100*time.Millisecond))
	}
	return p
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// say prints a line above the bars.
func (p *progress) say(text string) {
	if p.bars != nil {
		fmt.Fprintln(p.bars, "  "+text)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.out, "  "+text)
}

// wait lets the last bars be drawn.
func (p *progress) wait() {
	if p.bars != nil {
		p.bars.Wait()
	}
}

// task is one line of the progress.
type task struct {
	p     *progress
	name  string
	bar   *mpb.Bar
	steps int64
	began time.Time

	mu    sync.Mutex
	stage string
}

// task adds a line for work that has about so many stages.
func (p *progress) task(name string, stages int) *task {
	t := &task{p: p, name: name, steps: int64(stages), began: time.Now(), stage: "waiting"}
	if p.bars != nil {
		t.bar = p.bars.AddBar(t.steps,
			mpb.PrependDecorators(decor.Name(name, decor.WC{W: 22, C: decor.DindentRight})),
			mpb.AppendDecorators(
				decor.Elapsed(decor.ET_STYLE_MMSS, decor.WC{W: 6}),
				decor.Any(func(decor.Statistics) string { return "  " + t.current() }),
			))
	}
	return t
}

func (t *task) current() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stage
}

// now says which stage begins.
func (t *task) now(stage string) {
	t.mu.Lock()
	t.stage = stage
	t.mu.Unlock()
	if t.bar != nil && t.bar.Current() < t.steps-1 {
		t.bar.Increment()
	}
}

// done ends the task, well or not.
func (t *task) done(note string, err error) {
	switch {
	case errors.Is(err, context.Canceled):
		note = "stopped" // by what failed elsewhere, or by the user
	case err != nil:
		note = "failed"
	}
	t.mu.Lock()
	t.stage = note
	t.mu.Unlock()
	if t.bar != nil {
		if err != nil {
			t.bar.Abort(false)
		} else {
			t.bar.SetCurrent(t.steps)
		}
		return
	}
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	fmt.Fprintf(t.p.out, "  %-20s %6.1fs  %s\n", t.name, time.Since(t.began).Seconds(), note)
}
