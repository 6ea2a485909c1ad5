package eventapi

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"fnstore/connectors/hook"
)

func TestGraph_WhoCallsWhom(t *testing.T) {
	edges := Graph([]hook.Function{
		{Name: "ingest", Annotations: map[string]string{"fnstore.s3.watch": "data/in/", "fnstore.s3.write": "data/out/", "fnstore.sends": "process, topic:files"}},
		{Name: "process", Annotations: map[string]string{"topic": "cron-function, files", "schedule": "@daily", "fnstore.topic.filter": `{"type":["csv"]}`, "fnstore.postgres.watch": "shop.orders:INSERT"}},
		{Name: "quiet"},
	})
	var got []string
	for _, e := range edges {
		got = append(got, e.From+" → "+e.To+" "+e.What)
	}
	want := []string{
		"bucket:data/in/ → function:ingest ",
		"function:ingest → bucket:data/out/ ",
		"function:ingest → function:process ",
		"function:ingest → topic:files ",
		"schedule:@daily → function:process ",
		"table:shop.orders → function:process INSERT",
		`topic:files → function:process {"type":["csv"]}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if m := Mermaid(edges); !strings.HasPrefix(m, "flowchart LR\n") || strings.Count(m, "-->") != len(want) || !strings.Contains(m, `["process"]`) {
		t.Error(m)
	}
}

func TestCollector_HasEachSource(t *testing.T) {
	m := &hook.Metrics{}
	r := prometheus.NewRegistry()
	if err := r.Register(Collector(m)); err != nil {
		t.Fatal(err)
	}
	if list, err := r.Gather(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	m.Failed("cron")
	list, err := r.Gather()
	if err != nil || len(list) != 5 || list[1].GetName() != "fnstore_connector_failures_total" || list[1].GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("%v, %v", list, err)
	}
}
