package openapi

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
)

// page writes HTML. Package html/template would do it too, and costs every
// function that links it 9 MB: it calls methods by name, so that the linker can
// leave none of any package out.
type page struct{ strings.Builder }

// put writes a format of HTML; every argument is escaped.
func (p *page) put(format string, args ...string) {
	escaped := make([]any, len(args))
	for i, a := range args {
		escaped[i] = html.EscapeString(a)
	}
	fmt.Fprintf(p, format, escaped...)
}

const style = `:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h3 { border-top: 1px solid var(--line); padding-top: 1.2rem; margin-top: 2rem; }
code { font: 0.9em ui-monospace, monospace; background: var(--soft); padding: 0.1em 0.3em; border-radius: 4px; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1rem; }
caption { text-align: left; font-weight: 600; }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 0.6rem 0.3rem 0; text-align: left; vertical-align: top; }
.method { display: inline-block; min-width: 4.5em; }
`

func (p *page) document(d *document) {
	p.put("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s %s</title>\n", d.Info.Title, d.Info.Version)
	p.WriteString("<style>\n" + style + "</style>\n")
	p.put("<main>\n<h1>%s <small>%s</small></h1>\n<p>%s</p>\n<p>%s</p>\n", d.Info.Title, d.Info.Version, d.Info.Summary, d.Info.Description)
	p.put("<nav aria-label=\"Operations\"><ul>\n")
	d.each(func(path, method string, op operation) {
		p.put("<li><a href=\"#%s\"><code>%s %s</code></a> %s</li>\n", op.OperationID, method, path, op.Summary)
	})
	p.put("</ul></nav>\n<h2>Who calls</h2>\n<table><tbody>\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.SecuritySchemes)) {
		p.put("<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n", name, d.Components.SecuritySchemes[name].Description)
	}
	p.put("</tbody></table>\n<h2>Operations</h2>\n")
	d.each(p.operation)
	p.put("<h2>Schemas</h2>\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.Components.Schemas[name]
		p.put("<section>\n<h3 id=\"schema-%s\">%s</h3>\n<p>%s</p>\n<table><tbody>\n", name, name, s.Description)
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			required := ""
			if slices.Contains(s.Required, member) {
				required = "required"
			}
			p.put("<tr><td><code>%s</code></td><td>%s</td><td>", member, required)
			p.schema(s.Properties[member])
			p.put(" %s</td></tr>\n", s.Properties[member].Description)
		}
		p.put("</tbody></table>\n</section>\n")
	}
	p.put("</main>\n</html>\n")
}

func (p *page) operation(path, method string, op operation) {
	p.put("<section>\n<h3 id=\"%s\"><span class=\"method\">%s</span> <code>%s</code></h3>\n<p>%s By name: <code>%s</code>", op.OperationID, method, path, op.Summary, `{"op":"`+op.OperationID+`"}`)
	if len(op.Security) == 0 {
		p.put(" It is open to everybody.")
	}
	p.put("</p>\n")
	if len(op.Parameters) > 0 {
		p.put("<table><caption>Parameters</caption><tbody>\n")
		for _, x := range op.Parameters {
			in := x.In
			if x.Required {
				in += ", required"
			}
			p.put("<tr><td><code>%s</code></td><td>%s</td><td>%s ", x.Name, in, x.Description)
			p.schema(x.Schema)
			p.put("</td></tr>\n")
		}
		p.put("</tbody></table>\n")
	}
	if op.RequestBody != nil {
		for _, kind := range slices.Sorted(maps.Keys(op.RequestBody.Content)) {
			p.put("<p>Body: <code>%s</code> ", kind)
			p.schema(op.RequestBody.Content[kind].Schema)
			p.put("</p>\n")
		}
	}
	p.put("<table><caption>Answers</caption><tbody>\n")
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		a := op.Responses[status]
		p.put("<tr><td>%s</td><td>%s</td><td>", status, a.Description)
		for _, kind := range slices.Sorted(maps.Keys(a.Content)) {
			p.schema(a.Content[kind].Schema)
		}
		p.put("</td></tr>\n")
	}
	p.put("</tbody></table>\n</section>\n")
}

func (p *page) schema(s *schema) {
	switch {
	case s == nil:
	case s.Ref != "":
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		p.put("<a href=\"#schema-%s\">%s</a>", name, name)
	case s.Items != nil:
		p.put("list of ")
		p.schema(s.Items)
	default:
		p.put("%s", kind(s))
	}
}
