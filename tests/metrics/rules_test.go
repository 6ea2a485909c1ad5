package metrics

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Prometheus and Alertmanager take their files, and each alert fires when it
// should and not otherwise: not without data either.
//
// Seed: R46, R47
func TestRules(t *testing.T) {
	check := func(path string, args ...string) {
		t.Helper()
		if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v\n%s", filepath.Base(path), strings.Join(args, " "), err, out)
		}
	}
	tests, err := filepath.Glob(compose + "/prometheus/tests/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	tested := ""
	for _, f := range tests {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tested += string(b)
	}
	rules, err := os.ReadFile(compose + "/prometheus/rules/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1)
	if len(alerts) < 5 {
		t.Errorf("%d alerts", len(alerts))
	}
	for _, a := range alerts {
		fires := regexp.MustCompile(`alertname: ` + a[1] + `\n +exp_alerts:\n`)
		quiet := regexp.MustCompile(`name: no data\n(?: .*\n)+? +alertname: ` + a[1] + `\n +exp_alerts: \[\]`)
		if !fires.MatchString(tested) || !quiet.MatchString(tested) {
			t.Errorf("the files of compose/prometheus/tests do not have %s firing and quiet without data", a[1])
		}
	}
	promtool := program(t, "promtool")
	check(promtool, "check", "config", compose+"/prometheus/prometheus.yml")
	check(promtool, append([]string{"test", "rules"}, tests...)...)
	check(program(t, "amtool"), "check-config", compose+"/alertmanager/alertmanager.yml")
}

// board is what is read of a board of Grafana.
type board struct {
	UID    string
	Panels []struct {
		ID         int
		Title      string
		Datasource struct{ UID string }
		Targets    []struct{ Expr, LegendFormat string }
	}
}

func boards(t *testing.T) map[string]board {
	t.Helper()
	files, err := filepath.Glob(compose + "/grafana/dashboards/*.json")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	all := map[string]board{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var one board
		if err := json.Unmarshal(b, &one); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".json")] = one
	}
	return all
}

// Each board is another one, each of its panels has a number of its own, and all
// ask the source that is provisioned.
func TestBoards_AreComplete(t *testing.T) {
	source, err := os.ReadFile(compose + "/grafana/provisioning/datasources/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	uids := map[string]bool{}
	for name, b := range boards(t) {
		if b.UID == "" || uids[b.UID] {
			t.Errorf("%s: the uid %q is another's", name, b.UID)
		}
		uids[b.UID] = true
		ids := map[int]bool{}
		for _, p := range b.Panels {
			if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 || !strings.Contains(string(source), "uid: "+p.Datasource.UID+"\n") {
				t.Errorf("%s: the panel %q", name, p.Title)
			}
			ids[p.ID] = true
		}
	}
}
