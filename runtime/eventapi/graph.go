package eventapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fnstore/connectors/cron"
	"fnstore/connectors/hook"
	"fnstore/connectors/postgres"
	"fnstore/connectors/topic"
	"fnstore/runtime/provision"
)

// Edge is one way that an event may take.
type Edge struct {
	From string `json:"from"` // kind:name, such as schedule:*/5 * * * * or function:process
	To   string `json:"to"`
	What string `json:"what,omitempty"` // such as the events of a table, or a filter policy
}

// Graph says which source calls which function, from the functions' annotations:
// schedules, objects, tables, topics, and what functions write or send. A bucket
// that a function writes and another watches joins the two.
func Graph(functions []hook.Function) []Edge {
	edges := []Edge{}
	for _, f := range functions {
		to := "function:" + f.Name
		add := func(from, what string) { edges = append(edges, Edge{from, to, what}) }
		// What cannot be read was refused when the function was deployed.
		entries, _ := cron.Entries(f)
		for _, e := range entries {
			add("schedule:"+e.Schedule.String(), strings.TrimPrefix(e.Path, "/"))
		}
		w, _ := hook.WatcherOf(f)
		for _, p := range w.Places {
			add("bucket:"+p.Bucket+"/"+p.Prefix, strings.Join(w.Suffixes, " "))
		}
		for _, p := range w.Outputs {
			edges = append(edges, Edge{to, "bucket:" + p.Bucket + "/" + p.Prefix, ""})
		}
		watches, _ := postgres.Watches(f)
		for _, t := range watches {
			add("table:"+t.Schema+"."+t.Table, strings.Join(t.Events, " "))
		}
		sub, _ := topic.SubscriberOf(f)
		for _, name := range sub.Topics() {
			add("topic:"+name, cmp.Or(f.Annotations[topic.AnnotationFilter+"."+name], f.Annotations[topic.AnnotationFilter]))
		}
		for target := range strings.SplitSeq(f.Annotations[provision.AnnotationSends], ",") {
			if target = strings.TrimSpace(target); target == "" {
				continue
			}
			if !strings.HasPrefix(target, topic.Prefix) {
				target = "function:" + target
			}
			edges = append(edges, Edge{to, target, ""})
		}
	}
	slices.SortFunc(edges, func(a, b Edge) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.What, b.What))
	})
	return edges
}

// Mermaid draws edges in the language of mermaid.js.org.
func Mermaid(edges []Edge) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{}
	node := func(name string) string {
		id, there := ids[name]
		if there {
			return id
		}
		id = fmt.Sprint("n", len(ids)+1)
		ids[name] = id
		kind, text, _ := strings.Cut(name, ":")
		shape := [2]string{"([", "])"}
		if kind == "function" {
			shape = [2]string{"[", "]"}
		} else {
			text = kind + " " + text
		}
		b.WriteString("  " + id + shape[0] + `"` + strings.NewReplacer(`"`, "#quot;", "\n", " ").Replace(text) + `"` + shape[1] + "\n")
		return id
	}
	for _, e := range edges {
		from, to := node(e.From), node(e.To)
		b.WriteString("  " + from + " --> " + to + "\n")
	}
	return b.String()
}
