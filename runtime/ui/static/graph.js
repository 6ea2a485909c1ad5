// A graph of events as a picture: what calls stands left of what is called.
let ns; // of the picture
const size = { width: 210, height: 44, across: 70, down: 14, text: 24 };

// draw replaces what is in svg. An edge is {from, to}, and each end kind:name.
export function draw(svg, edges) {
  ns = svg.namespaceURI;
  const places = arrange(edges);
  svg.replaceChildren(arrow());
  const title = make("title", {});
  title.textContent = edges.map((e) => `${e.from} calls ${e.to}`).join("; ");
  svg.append(title);
  for (const e of edges) svg.append(line(places.get(e.from), places.get(e.to)));
  let right = 0, bottom = 0;
  for (const [name, p] of places) {
    svg.append(box(name, p));
    right = Math.max(right, p.x + size.width);
    bottom = Math.max(bottom, p.y + size.height);
  }
  svg.setAttribute("width", right + 2);
  svg.setAttribute("height", bottom + 2);
}

// arrange gives every end its column: one more than the furthest that leads to
// it. A loop ends where it began to be followed.
function arrange(edges) {
  const before = new Map();
  for (const e of edges) {
    if (!before.has(e.from)) before.set(e.from, []);
    if (!before.has(e.to)) before.set(e.to, []);
    before.get(e.to).push(e.from);
  }
  const columns = new Map();
  const column = (name, way) => {
    if (columns.has(name)) return columns.get(name);
    if (way.has(name)) return -1;
    const c = Math.max(-1, ...before.get(name).map((b) => column(b, new Set(way).add(name)))) + 1;
    columns.set(name, c);
    return c;
  };
  const rows = [];
  const places = new Map();
  for (const name of before.keys()) {
    const c = column(name, new Set());
    rows[c] = (rows[c] ?? 0) + 1;
    places.set(name, { x: 1 + c * (size.width + size.across), y: 1 + (rows[c] - 1) * (size.height + size.down) });
  }
  return places;
}

function box(name, { x, y }) {
  const at = name.indexOf(":");
  const kind = name.slice(0, at), text = name.slice(at + 1);
  const g = make("g", { "data-kind": kind });
  g.append(make("rect", { x, y, width: size.width, height: size.height, rx: kind === "function" ? 6 : size.height / 2 }));
  const small = make("text", { x: x + 16, y: y + 16, class: "kind" });
  small.textContent = kind;
  const large = make("text", { x: x + 16, y: y + 33 });
  large.textContent = text.length > size.text ? `${text.slice(0, size.text - 1)}…` : text;
  const title = make("title", {});
  title.textContent = text;
  g.append(small, large, title);
  return g;
}

function line(a, b) {
  const x1 = a.x + size.width, y1 = a.y + size.height / 2, x2 = b.x - 4, y2 = b.y + size.height / 2;
  const bend = Math.max(40, Math.abs(x2 - x1) / 2);
  return make("path", { d: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`, "marker-end": "url(#arrow)" });
}

function arrow() {
  const defs = make("defs", {});
  const m = make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" });
  m.append(make("path", { d: "M0,0 L8,4 L0,8 z" }));
  defs.append(m);
  return defs;
}

function make(name, attributes) {
  const el = document.createElementNS(ns, name);
  for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, v);
  return el;
}
