package flow

import (
	"fmt"
	"strings"
	"time"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/intrinsic"
	"fnstore/kit/flow/value"
)

// Child is a run that a distributed Map began for an item or batch: what AWS
// tells of it in the results.
type Child struct {
	Name         string
	Input        value.JSON
	Status       Status // PENDING is ""
	Output       value.JSON
	Error, Cause string `json:",omitempty"`
	Start, Stop  time.Time
}

// A MapRun's results go to files by status, each an array of children.
const manifest = "manifest.json"

// File is what a ResultWriter writes.
type File struct{ Key, Body string }

// mapRun names the run of a distributed Map.
func (r *run) mapRun(s *definition.State) string {
	label := s.Map.Label
	if label == "" {
		label = s.Name
	}
	return arn(r.x.Machine, "mapRun", r.x.MachineName+"/"+label+":"+intrinsic.UUID(r.random))
}

// arn is a machine's ARN with another kind and name. An id that is no ARN stays
// in front.
func arn(machine, kind, name string) string {
	if part := strings.Split(machine, ":"); len(part) == 7 && part[0] == "arn" {
		return strings.Join(append(part[:5:5], kind, name), ":")
	}
	return machine + ":" + kind + ":" + name
}

// child is the child of an item. One that did not begin has the item as its
// input, and is made when it is asked for.
func (k *Fork) child(i int) *Child {
	if k.Children == nil {
		k.Children = make([]*Child, k.Total)
	}
	if k.Children[i] == nil {
		k.Children[i] = &Child{Input: value.JSON{Any: k.Items.Any.([]any)[i]}}
	}
	return k.Children[i]
}

// run is the MapRun's machine with its label, and the run's own id.
func (k *Fork) run() (machine, id string) {
	i := max(0, strings.LastIndexByte(k.MapRun, ':'))
	return k.MapRun[:i], strings.TrimPrefix(k.MapRun[i:], ":")
}

// description is a child in the words of AWS.
func (r *run) description(k *Fork, c *Child) *value.Object {
	machine, _ := k.run()
	child := strings.Replace(machine, ":mapRun:", ":execution:", 1)
	included := value.NewObject("Included", true)
	o := value.NewObject("ExecutionArn", child+":"+c.Name, "Input", value.Text(c.Input.Any), "InputDetails", included, "Name", c.Name)
	status := c.Status
	if status == "" {
		status = "PENDING"
	}
	switch status {
	case Succeeded:
		o.Set("Output", value.Text(c.Output.Any))
		o.Set("OutputDetails", included)
	case Failed:
		o.Set("Error", c.Error)
		o.Set("Cause", c.Cause)
	}
	o.Set("RedriveCount", value.Int(0))
	if status == Failed {
		o.Set("RedriveStatus", "REDRIVABLE_BY_MAP_RUN")
	} else {
		o.Set("RedriveStatus", "NOT_REDRIVABLE")
		o.Set("RedriveStatusReason", fmt.Sprintf("Execution is %s and cannot be redriven", status))
	}
	if !c.Start.IsZero() {
		o.Set("StartDate", c.Start.Format(stamp))
	}
	o.Set("StateMachineArn", strings.Replace(child, ":execution:", ":stateMachine:", 1))
	o.Set("Status", string(status))
	if !c.Stop.IsZero() {
		o.Set("StopDate", c.Stop.Format(stamp))
	}
	return o
}

// result is what a child gives to the results: a failed one its description.
func (r *run) result(k *Fork, c *Child, transformation string) any {
	if c.Status != Succeeded || transformation == "NONE" {
		return r.description(k, c)
	}
	return c.Output.Any
}

// results are those of all children that ended, in the order of the items.
func (r *run) results(k *Fork, transformation string, which func(*Child) bool) []any {
	list := []any{}
	for i := range k.Total {
		c := k.child(i)
		if !which(c) {
			continue
		}
		v := r.result(k, c, transformation)
		if many, ok := v.([]any); ok && transformation == "FLATTEN" {
			list = append(list, many...)
		} else {
			list = append(list, v)
		}
	}
	return list
}

// transformation is what WriterConfig says; what is exported is NONE otherwise.
func transformation(w *definition.Source) string {
	config, _ := w.Config.(*value.Object)
	switch t := config.String("Transformation"); {
	case t != "":
		return t
	case w.Resource != "":
		return "NONE"
	}
	return "COMPACT"
}

// files are what a ResultWriter writes: one file for each status that there is,
// and the manifest, which names them. The result of the state names the
// manifest.
func (r *run) files(k *Fork, w *definition.Source, where *value.Object) (files []File, result any) {
	bucket, prefix := where.String("Bucket"), strings.Trim(where.String("Prefix"), "/")
	_, id := k.run()
	folder := id + "/"
	if prefix != "" {
		folder = prefix + "/" + folder
	}
	config, _ := w.Config.(*value.Object)
	lines := config.String("OutputType") == "JSONL"
	ending, how := ".json", transformation(w)
	if lines {
		ending = ".jsonl"
	}
	named := &value.Object{}
	for _, status := range []Status{Failed, "PENDING", Succeeded} {
		list := r.results(k, how, func(c *Child) bool { return c.Status == status || c.Status == "" && status == "PENDING" })
		keys := []any{}
		if len(list) > 0 {
			f := File{Key: folder + string(status) + "_0" + ending, Body: value.Text(list)}
			if lines {
				var b strings.Builder
				for _, v := range list {
					b.WriteString(value.Text(v))
					b.WriteByte('\n')
				}
				f.Body = b.String()
			}
			files = append(files, f)
			keys = append(keys, value.NewObject("Key", f.Key, "Size", value.Int(len(f.Body))))
		}
		named.Set(string(status), keys)
	}
	files = append(files, File{folder + manifest, value.Text(value.NewObject("DestinationBucket", bucket, "MapRunArn", k.MapRun, "ResultFiles", named))})
	return files, value.NewObject("MapRunArn", k.MapRun, "ResultWriterDetails", value.NewObject("Bucket", bucket, "Key", folder+manifest))
}
