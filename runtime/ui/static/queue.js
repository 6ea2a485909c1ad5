// The queue's numbers: asked for every three seconds while the page can be seen.
import { ask } from "./http.js";
import { draw } from "./chart.js";
import { span } from "./time.js";

const every = 3000; // ms
const rows = document.getElementById("numbers");
const blank = document.getElementById("number").content.firstElementChild;
const link = document.getElementById("link");
const past = new Map(); // function → its last numbers

let timer = 0;
let asking = false;

// watch shows the numbers; changed hears of each function that there is.
export function watch({ changed }) {
  const look = async () => {
    clearTimeout(timer);
    if (document.hidden || asking) return;
    asking = true;
    try {
      const { functions } = await (await ask("/ui/queue")).json();
      show(functions);
      changed(functions);
      link.textContent = "";
    } catch (err) {
      link.textContent = err.message;
    }
    asking = false;
    timer = setTimeout(look, every);
  };
  rows.addEventListener("click", async (e) => {
    const button = e.target.closest("[data-act]");
    if (!button) return;
    button.disabled = true;
    try {
      await ask(`/ui/queue/${button.dataset.act}`, { method: "POST", body: JSON.stringify({ function: button.closest("tr").dataset.name }) });
    } catch (err) {
      link.textContent = err.message;
    }
    button.disabled = false;
    look();
  });
  document.addEventListener("visibilitychange", look);
  document.addEventListener("changed", look);
  look();
}

function show(functions) {
  const old = new Map([...rows.children].map((tr) => [tr.dataset.name, tr]));
  functions.forEach((f, i) => {
    const tr = old.get(f.function) ?? blank.cloneNode(true);
    old.delete(f.function);
    fill(tr, f);
    if (rows.children[i] !== tr) rows.insertBefore(tr, rows.children[i] ?? null);
  });
  for (const [name, tr] of old) {
    past.delete(name);
    tr.remove();
  }
  document.getElementById("idle").hidden = functions.length > 0;
}

function fill(tr, f) {
  const state = f.circuit?.state ?? "";
  tr.dataset.name = f.function;
  tr.dataset.state = state;
  write(tr, ".name", f.function);
  write(tr, ".why", why(f.circuit));
  tr.querySelector(".why").hidden = !state;
  write(tr, ".waiting .value", f.waiting);
  write(tr, ".flight", f.in_flight);
  write(tr, ".age", f.waiting + f.in_flight > 0 ? span(f.age_seconds) : "–");
  write(tr, ".dead .value", f.dead);
  const button = tr.querySelector("[data-act]");
  button.dataset.act = state ? "resume" : "pause";
  write(tr, "[data-act]", state ? "Resume" : "Pause");
  button.setAttribute("aria-label", `${button.textContent} ${f.function}`);
  const list = past.get(f.function) ?? [];
  past.set(f.function, list);
  list.push(f);
  if (list.length > 60) list.shift();
  draw(tr.querySelector(".waiting .chart"), list.map((p) => p.waiting + p.in_flight), `Messages of ${f.function} in the last three minutes`);
  draw(tr.querySelector(".dead .chart"), list.map((p) => p.dead), `Dead letters of ${f.function} in the last three minutes`);
}

function why(circuit) {
  if (!circuit) return "";
  const since = new Date(circuit.opened_at).toLocaleTimeString();
  if (circuit.operator) return `Paused since ${since}: ${circuit.reason}`;
  return `${circuit.state === "paused" ? "Paused" : "Waits"} since ${since}, it fails: ${circuit.code}, ${circuit.reason}`;
}

function write(tr, selector, value) {
  const at = tr.querySelector(selector);
  if (at.textContent !== String(value)) at.textContent = value;
}
