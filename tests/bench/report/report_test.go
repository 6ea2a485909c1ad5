package report

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
)

var sample = []Row{
	{Section: "server", What: "requests/s of bare", Got: 0.85, Unit: "×", Bar: 0.8, Least: true, Aim: 0.9},
	{Section: "server", What: "just under", Got: 0.7996, Unit: "×", Bar: 0.8, Least: true},
	{Section: "surge", What: "errors", Got: 0, Bar: 0},
	{Section: "surge", What: "more errors", Got: 1, Bar: 0},
	{Section: "idle", What: "resident", Got: 61.25, Unit: "MiB", Bar: 60},
	{Section: "wake", What: "for your information", Got: 12345.6, Unit: "requests/s", Least: true},
	NotMeasured("wakedocker", "scale from zero", "no container engine"),
}

func TestReport_RowsSayWhetherTheBarWasReached(t *testing.T) {
	var b strings.Builder
	Print(&b, sample...)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	for i, want := range []string{
		"server requests/s of bare 0.850× ≥ 0.800× (aim 0.900×) met",
		"server just under 0.7996 ≥ 0.800× MISSED",
		"surge errors 0 ≤ 0 met",
		"surge more errors 1 ≤ 0 MISSED",
		"idle resident 61.2 MiB ≤ 60 MiB MISSED",
		"wake for your information 12346 requests/s -",
		"wakedocker scale from zero - NOT MEASURED no container engine",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("line %d is %q, not %q", i, got, want)
		}
	}
	at := strings.Index(lines[0], "0.850")
	if at < 0 || len([]rune(lines[0][:at])) != len([]rune(lines[4][:strings.Index(lines[4], "61.2")])) {
		t.Errorf("the figures do not stand in one column:\n%s", b.String())
	}
}

func TestReport_RowsAreKeptForTheTableOfTheRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows")
	t.Setenv(FileVar, path)
	Print(&strings.Builder{}, sample[:3]...)
	Print(&strings.Builder{}, sample[3:]...)
	rows, err := Read(path)
	if err != nil || len(rows) != len(sample) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, r := range rows {
		if math.IsNaN(r.Got) != math.IsNaN(sample[i].Got) {
			t.Errorf("row %d came back as %+v", i, r)
		}
		r.Got, sample[i].Got = 0, 0
		if r != sample[i] {
			t.Errorf("row %d came back as %+v", i, r)
		}
	}
}
