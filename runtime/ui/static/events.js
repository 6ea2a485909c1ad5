// The page of events: asked for every five seconds while it can be seen.
import { ask, trace } from "./http.js";
import { draw } from "./graph.js";
import { moment } from "./time.js";

const every = 5000; // ms
const rows = document.getElementById("list");
const blank = document.getElementById("schedule").content.firstElementChild;
const link = document.getElementById("link");
const said = document.getElementById("said");
const base = "/ui/data";

let timer = 0;
let asking = false;
let drawn = "";

async function look() {
  clearTimeout(timer);
  if (document.hidden || asking) return;
  asking = true;
  try {
    const [schedules, edges] = await Promise.all(["schedules", "events"].map(async (name) => (await ask(`${base}/${name}`)).json()));
    show(schedules);
    picture(edges);
    link.textContent = "";
  } catch (err) {
    link.textContent = err.message;
  }
  asking = false;
  timer = setTimeout(look, every);
}

function show(schedules) {
  const id = (s) => `${s.function} ${s.schedule} ${s.path}`;
  const old = new Map([...rows.children].map((tr) => [tr.dataset.id, tr]));
  schedules.forEach((s, i) => {
    const tr = old.get(id(s)) ?? blank.cloneNode(true);
    old.delete(id(s));
    fill(tr, s, id(s));
    if (rows.children[i] !== tr) rows.insertBefore(tr, rows.children[i] ?? null);
  });
  for (const tr of old.values()) tr.remove();
  document.getElementById("none").hidden = schedules.length > 0;
}

function fill(tr, s, id) {
  Object.assign(tr.dataset, { id, function: s.function, schedule: s.schedule });
  tr.toggleAttribute("data-paused", s.paused);
  write(tr, ".name", s.function);
  write(tr, ".path", s.path === "/" ? "" : s.path);
  write(tr, ".when", s.schedule);
  write(tr, ".zone", s.zone);
  write(tr, ".last", s.last ? moment(s.last) : "–");
  write(tr, ".next", s.paused ? "paused" : s.next ? moment(s.next) : "never");
  const [run, pause] = tr.querySelectorAll("[data-act]");
  pause.dataset.act = s.paused ? "resume" : "pause";
  write(tr, "[data-act]:last-child", s.paused ? "Resume" : "Pause");
  run.setAttribute("aria-label", `Run ${s.function} now`);
  pause.setAttribute("aria-label", `${pause.textContent} ${s.schedule} of ${s.function}`);
}

function write(tr, selector, value) {
  const at = tr.querySelector(selector);
  if (at.textContent !== value) at.textContent = value;
}

function picture(edges) {
  const text = JSON.stringify(edges);
  if (text === drawn) return;
  drawn = text;
  document.getElementById("empty").hidden = edges.length > 0;
  draw(document.getElementById("picture"), edges);
}

rows.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-act]");
  if (!button) return;
  const { function: name, schedule } = button.closest("tr").dataset;
  button.disabled = true;
  try {
    const res = await ask(`${base}/schedules/${button.dataset.act}`, { method: "POST", body: JSON.stringify({ function: name, schedule }) });
    said.textContent = "";
    if (res.status === 202) said.append(`${name} is called now: call `, trace((await res.json()).call_id), ".");
  } catch (err) {
    said.textContent = err.message;
  }
  button.disabled = false;
  look();
});
document.addEventListener("visibilitychange", look);
look();
