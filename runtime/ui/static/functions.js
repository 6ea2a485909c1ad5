// The table of functions: asked for every two seconds while the page can be seen.
import { ask } from "./http.js";

const every = 2000; // ms
const rows = document.getElementById("rows");
const link = document.getElementById("link");
const blank = document.getElementById("row").content.firstElementChild;

let timer = 0;
let asking = false;

export function watch({ changed, tried }) {
  rows.addEventListener("click", (e) => {
    if (e.target.closest("[data-try]")) tried(e.target.closest("tr").dataset.name);
  });
  const look = async () => {
    clearTimeout(timer);
    if (document.hidden || asking) return;
    asking = true;
    try {
      const { functions } = await (await ask("/ui/functions")).json();
      show(functions);
      changed(functions.map((f) => f.name));
      link.textContent = "";
    } catch (err) {
      link.textContent = err.message;
    }
    asking = false;
    timer = setTimeout(look, every);
  };
  document.addEventListener("visibilitychange", look);
  document.addEventListener("called", look);
  look();
}

// show writes into the rows that are there, so that whoever is in one with the
// keyboard stays in it.
function show(functions) {
  const old = new Map([...rows.children].map((tr) => [tr.dataset.name, tr]));
  functions.forEach((f, i) => {
    const tr = old.get(f.name) ?? blank.cloneNode(true);
    old.delete(f.name);
    tr.dataset.name = f.name;
    tr.dataset.state = f.state;
    write(tr, "name", f.name);
    write(tr, "tried", f.name);
    image(tr, f.image);
    write(tr, "ready", `${f.ready}/${f.replicas}`);
    write(tr, "state", f.state);
    write(tr, "calls", f.calls);
    write(tr, "queue", { paused: "Messages are paused", open: "Messages wait, it fails" }[f.queue] ?? "");
    if (rows.children[i] !== tr) rows.insertBefore(tr, rows.children[i] ?? null);
  });
  for (const gone of old.values()) gone.remove();
  document.getElementById("none").hidden = functions.length > 0;
}

// image may be broken after its slashes, as the template has it.
function image(tr, name) {
  const at = tr.querySelector('[data-is="image"]');
  if (at.textContent === name) return;
  at.replaceChildren(...name.split(/(?<=\/)/).flatMap((part) => [part, document.createElement("wbr")]));
}

function write(tr, field, value) {
  const at = tr.querySelector(`[data-is="${field}"]`);
  if (at.textContent !== String(value)) at.textContent = value;
}
