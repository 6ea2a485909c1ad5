package metrics

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"fnstore/runtime/scrape"
	"fnstore/tests/storetest"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const (
	pagePath = "../../docs/metrics.md"
	header   = "| metric | kind | unit | labels | meaning |\n|---|---|---|---|---|\n"
)

// page compares the table of docs/metrics.md with what the store shows, and
// whether a function's own metrics are on the page.
func page(t *testing.T, s *storetest.Store) {
	text, err := get(t.Context(), s.Env["FNSTORE_METRICS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	table := header
	for _, f := range scrape.Known {
		if families[f.Name] == nil {
			t.Errorf("the store shows no %s", f.Name)
		}
	}
	var own []string
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		if f.GetHelp() == scrape.OwnHelp {
			own = append(own, name)
			continue
		}
		labels := map[string]bool{}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				labels["`"+l.GetName()+"`"] = true
			}
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), unit(name, f.GetHelp()),
			strings.Join(slices.Sorted(maps.Keys(labels)), ", "), f.GetHelp())
	}
	b, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), header)
	_, after, ok2 := strings.Cut(rest, "\n\n")
	if !ok || !ok2 {
		t.Fatalf("%s has no table that begins %q", pagePath, header)
	}
	if want := before + table + "\n" + after; want != string(b) {
		if !*update {
			t.Errorf("%s is not what the store shows: go test ./tests/metrics -args -update. It shows\n%s", pagePath, table)
		} else if err := os.WriteFile(pagePath, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range own {
		if !strings.Contains(string(b), "`"+name+"`") {
			t.Errorf("%s does not have %s, which a function shows", pagePath, name)
		}
	}
}

// unit is what a metric's numbers are of, by its name as Prometheus has names.
func unit(name, help string) string {
	switch {
	case strings.HasSuffix(name, "_seconds"):
		return "seconds"
	case strings.HasSuffix(name, "_bytes"):
		return "bytes"
	case strings.HasPrefix(help, "1 while "):
		return "0 or 1"
	}
	return "number"
}
