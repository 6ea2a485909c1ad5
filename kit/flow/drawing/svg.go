package drawing

import (
	"fmt"
	"html"
	"strings"

	"fnstore/kit/flow/definition"
)

// Sizes in pixels.
const (
	boxWidth, boxHeight = 190, 40
	gapX, gapY          = 40, 46
	margin, titleHeight = 20, 24
)

// SVG is the machine as a picture: states in layers by their distance from the
// first, branches and items inside of their state.
func SVG(m *definition.Machine) string {
	g := layout(m)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`, g.width+2*margin, g.height+2*margin, g.width+2*margin, g.height+2*margin)
	b.WriteString("\n" + `<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 10 5 0 10z" fill="#555"/></marker></defs>` + "\n")
	g.draw(&b, margin, margin)
	b.WriteString("</svg>\n")
	return b.String()
}

type box struct {
	state         *definition.State
	x, y          int
	width, height int
	subs          []*graph
}

type graph struct {
	machine       *definition.Machine
	boxes         map[string]*box
	width, height int
}

// layers are the states by the length of the shortest way from the first.
func layers(m *definition.Machine) (rows [][]string) {
	seen := map[string]bool{m.StartAt: true}
	row := []string{m.StartAt}
	for len(row) > 0 {
		rows = append(rows, row)
		var next []string
		for _, name := range row {
			for _, to := range m.States[name].Targets() {
				if !seen[to] {
					seen[to] = true
					next = append(next, to)
				}
			}
		}
		row = next
	}
	return rows
}

func layout(m *definition.Machine) *graph {
	g := &graph{machine: m, boxes: map[string]*box{}}
	rows := layers(m)
	for _, row := range rows {
		x, height := 0, 0
		for _, name := range row {
			b := &box{state: m.States[name], x: x, y: g.height, width: boxWidth, height: boxHeight}
			b.measure()
			g.boxes[name] = b
			x += b.width + gapX
			height = max(height, b.height)
		}
		g.width = max(g.width, x-gapX)
		g.height += height + gapY
	}
	g.height = max(0, g.height-gapY)
	for _, row := range rows { // to the middle
		last := g.boxes[row[len(row)-1]]
		shift := (g.width - last.x - last.width) / 2
		for _, name := range row {
			g.boxes[name].x += shift
		}
	}
	return g
}

// measure makes room for branches.
func (b *box) measure() {
	x, height := gapX/2, 0
	for _, m := range b.state.Machines() {
		sub := layout(m)
		b.subs = append(b.subs, sub)
		x += sub.width + gapX/2
		height = max(height, sub.height)
	}
	if len(b.subs) > 0 {
		b.width, b.height = max(boxWidth, x), height+titleHeight+gapY/2
	}
}

var fills = map[string]string{"Choice": "#fff3cd", "Succeed": "#d1e7dd", "Fail": "#f8d7da", "Wait": "#e2e3e5", "Pass": "#ffffff", "Parallel": "#f4f8ff", "Map": "#f4f8ff"}

func (g *graph) draw(out *strings.Builder, x, y int) {
	for _, name := range g.machine.Order {
		for _, e := range edges(g.machine.States[name]) {
			g.arrow(out, x, y, e)
		}
	}
	for _, name := range g.machine.Order {
		b := g.boxes[name]
		if b == nil {
			continue
		}
		fill := fills[b.state.Type]
		if fill == "" {
			fill = "#cfe2ff"
		}
		stroke := 1
		if name == g.machine.StartAt {
			stroke = 3
		}
		at := y + b.y + boxHeight/2 + 5
		if len(b.subs) > 0 {
			at = y + b.y + titleHeight - 6
		}
		fmt.Fprintf(out, `<g><title>%s: %s</title><rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="%s" stroke="#555" stroke-width="%d"/><text x="%d" y="%d" text-anchor="middle">%s</text></g>`+"\n",
			b.state.Type, html.EscapeString(name), x+b.x, y+b.y, b.width, b.height, fill, stroke, x+b.x+b.width/2, at, html.EscapeString(shorten(name)))
		at = x + b.x + gapX/2
		for _, sub := range b.subs {
			sub.draw(out, at, y+b.y+titleHeight+4)
			at += sub.width + gapX/2
		}
	}
}

func shorten(name string) string {
	if r := []rune(name); len(r) > 24 {
		return string(r[:23]) + "…"
	}
	return name
}

// arrow goes from the bottom of one box to the top of another, and around the
// side if it goes up.
func (g *graph) arrow(out *strings.Builder, x, y int, e edge) {
	from, to := g.boxes[e.from], g.boxes[e.to]
	if from == nil || to == nil {
		return
	}
	dash := ""
	if e.fails {
		dash = ` stroke-dasharray="5 4"`
	}
	x1, y1 := x+from.x+from.width/2, y+from.y+from.height
	x2, y2 := x+to.x+to.width/2, y+to.y
	d := fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1, y1+gapY/2, x2, y2-gapY/2, x2, y2)
	if to.y <= from.y {
		x1, y1 = x+from.x+from.width, y+from.y+from.height/2
		x2, y2 = x+to.x+to.width, y+to.y+to.height/2
		side := max(x1, x2) + gapX/2
		d = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, side, y1, side, y2, x2, y2)
	}
	fmt.Fprintf(out, `<path d="%s" fill="none" stroke="#555"%s marker-end="url(#tip)"/>`, d, dash)
	if e.label != "" {
		fmt.Fprintf(out, `<text x="%d" y="%d" font-size="10" fill="#555" text-anchor="middle">%s</text>`, (x1+x2)/2, (y1+y2)/2, html.EscapeString(shorten(e.label)))
	}
	out.WriteByte('\n')
}
