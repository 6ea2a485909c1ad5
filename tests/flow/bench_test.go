package flow

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkEditToAnswer is what a person waits for while fnstore dev runs: from
// the moment a file is saved to the first answer of the new version. Each edit
// changes the program, and comes when nothing is left to do for the last one.
// Run it with -benchtime 15x.
func BenchmarkEditToAnswer(b *testing.B) {
	dir := project(b)
	must(b, dir, "", []string{"new", "edited"})
	dev := shared.Command("dev", "edited")
	dev.Dir = dir
	said := start(b, dev)
	said("serves at")
	handler := filepath.Join(dir, "functions/edited/handler.go")
	text, err := os.ReadFile(handler)
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		word := fmt.Sprintf("edit %d: ", n)
		began := time.Now()
		save(b, handler, strings.Replace(string(text), "answer{q.Text}", fmt.Sprintf("answer{%q + q.Text}", word), 1))
		for !strings.Contains(ask(b), word) {
			time.Sleep(2 * time.Millisecond) // the compiler needs the processor
		}
		took = append(took, time.Since(began))
		said("serves at")
		b.StopTimer()
		time.Sleep(time.Second) // as a person reads the answer
		b.StartTimer()
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds(), "p50-s")
	b.ReportMetric(took[len(took)-1].Seconds(), "worst-s")
	if err := dev.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	said("fnstore deploy edited")
	must(b, dir, "", []string{"remove", "edited"})
}

// ask gives what the edited function answers now.
func ask(b *testing.B) string {
	b.Helper()
	res, err := http.Post(shared.URL+"/function/edited", "application/json", strings.NewReader(`{"text":"x"}`))
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return string(body)
}
