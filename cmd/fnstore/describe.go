package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/openfaas/faas-provider/types"
)

type describeCmd struct {
	Function string `arg:"" help:"Its name."`
	JSON     bool   `short:"j" name:"json" help:"Print the gateway's JSON."`
}

// Run prints what a function is and how it does.
func (cmd describeCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	f, err := c.function(ctx, cmd.Function)
	if err != nil {
		return err
	}
	if cmd.JSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(f)
	}
	numbers, err := c.queueNumbers(ctx)
	if err != nil {
		return err
	}
	state := "not ready"
	switch {
	case f.AvailableReplicas > 0:
		state = "ready"
	case f.Replicas == 0:
		state = "at zero: the next call starts it"
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	row("Name", f.Name)
	row("Status", state)
	row("Replicas", fmt.Sprintf("%d of %d", f.AvailableReplicas, f.Replicas))
	row("Queue", queueLine(numbers[f.Name]))
	row("Calls", fmt.Sprintf("%.0f", f.InvocationCount))
	row("Image", f.Image)
	row("URL", c.base+"/function/"+f.Name)
	row("Created", f.CreatedAt.Local().Format("2006-01-02 15:04:05"))
	row("Secrets", strings.Join(f.Secrets, ", "))
	row("Limits", resources(f.Limits))
	row("Requests", resources(f.Requests))
	table := func(title string, m map[string]string) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			row(title, k+"="+m[k])
			title = " " // said once
		}
	}
	table("Environment", f.EnvVars)
	if f.Labels != nil {
		table("Labels", *f.Labels)
	}
	if f.Annotations != nil {
		table("Annotations", *f.Annotations)
	}
	return t.Flush()
}

func resources(r *types.FunctionResources) string {
	if r == nil {
		return ""
	}
	var parts []string
	for name, v := range map[string]string{"memory": r.Memory, "cpu": r.CPU} {
		if v != "" {
			parts = append(parts, name+" "+v)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
