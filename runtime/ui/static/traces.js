// The page of calls: the journey of one as a waterfall, and which were slow or
// failed lately. The call id stands behind the address's #.
import { ask } from "./http.js";
import { moment } from "./time.js";

const every = 5000; // ms
const base = "/ui/data/traces";
const $ = (id) => document.getElementById(id);
const blankStep = $("step").content.firstElementChild;
const blankRow = $("row").content.firstElementChild;
const words = {
  call: "gateway", accept: "accepted", publish: "published", object: "object store", message: "message",
  attempt: "attempt", queued: "waited in the queue", start: "process started", place: "waited for a place", function: "function",
};

let timer = 0;
let which = "";
let open = false; // the call that is shown has not ended

// took writes milliseconds for a person.
function took(ms) {
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 3600000 ? `${Math.round(ms / 60000)} min` : `${(ms / 3600000).toFixed(1)} h`;
}

function name(s) {
  const what = words[s.kind] ?? s.kind;
  if (s.kind === "attempt") return `${what} ${s.attempt}`;
  return s.kind === "message" && s.source ? `${what} (${s.source})` : what;
}

function ended(s) {
  const said = [s.status, s.code].filter(Boolean);
  if (s.open) said.push("not ended");
  else if (s.kind === "attempt" && s.verdict === "retry") said.push("tried again");
  else if (s.kind === "message" && s.verdict) said.push(s.verdict);
  return said.join(" ");
}

function draw(trace) {
  const all = Math.max(trace.took_ms, 0.001);
  $("summary").textContent = `${moment(trace.start)}, ${took(trace.took_ms)}, ${trace.state}${trace.trace_id ? `, trace ${trace.trace_id}` : ""}`;
  $("summary").dataset.state = trace.state;
  $("steps").replaceChildren(...trace.steps.map((s) => {
    const tr = blankStep.cloneNode(true);
    tr.dataset.kind = s.kind;
    tr.toggleAttribute("data-failed", Boolean(s.failed));
    const first = tr.querySelector("th");
    if (s.depth > 0) first.classList.add(`depth${Math.min(s.depth, 5)}`);
    first.querySelector(".name").textContent = name(s);
    first.querySelector(".of").textContent = s.function ?? "";
    if (s.call_id && s.call_id !== trace.call_id) first.title = `call ${s.call_id}`;
    const bar = tr.querySelector("rect");
    const x = Math.min((s.offset_ms / all) * 1000, 996);
    bar.setAttribute("x", x.toFixed(1));
    bar.setAttribute("width", Math.max(4, Math.min((s.took_ms / all) * 1000, 1000 - x)).toFixed(1));
    tr.querySelector("svg").setAttribute("aria-label", `${took(s.offset_ms)} after the start, for ${took(s.took_ms)}`);
    tr.querySelector(".took").textContent = s.kept && s.kind === "attempt" ? "–" : took(s.took_ms);
    tr.querySelector(".end").textContent = ended(s);
    return tr;
  }));
  $("silent").hidden = trace.logs.length > 0;
  $("lines").replaceChildren(...trace.logs.map((l) => {
    const li = document.createElement("li");
    const who = document.createElement("b");
    who.textContent = `${took(Math.max(l.offset_ms, 0))} ${l.function} `;
    li.append(who, l.text);
    return li;
  }));
  $("shown").hidden = false;
}

async function show() {
  let id = "";
  try {
    id = decodeURIComponent(location.hash.slice(1)).trim();
  } catch {
    // not a call id
  }
  if (!id || id === "journey") return;
  if ($("call").value !== id) $("call").value = id;
  try {
    const trace = await (await ask(`${base}/${encodeURIComponent(id)}`)).json();
    open = trace.state === "open";
    $("said").textContent = "";
    draw(trace);
  } catch (err) {
    open = false;
    $("shown").hidden = true;
    $("said").textContent = err.message;
  }
}

function list(calls) {
  $("list").replaceChildren(...calls.map((c) => {
    const tr = blankRow.cloneNode(true);
    tr.toggleAttribute("data-failed", c.failed);
    const a = tr.querySelector("a");
    a.textContent = c.call_id || c.trace_id;
    if (c.call_id) a.href = `#${c.call_id}`;
    tr.querySelector(".function").textContent = c.function ?? words[c.kind] ?? c.kind;
    tr.querySelector(".began").textContent = moment(c.start);
    tr.querySelector(".took").textContent = took(c.took_ms);
    tr.querySelector(".end").textContent = [c.status, c.code].filter(Boolean).join(" ");
    return tr;
  }));
  $("none").hidden = calls.length > 0;
}

async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  const asked = which;
  try {
    const calls = await (await ask(`${base}?which=${asked}`)).json();
    if (asked !== which) return;
    // A list under a keyboard's focus would lose it.
    if (!$("list").contains(document.activeElement)) list(calls);
    $("link").textContent = "";
    if (open) await show();
  } catch (err) {
    $("link").textContent = err.message;
  }
  clearTimeout(timer);
  timer = setTimeout(look, every);
}

$("search").addEventListener("submit", (e) => {
  e.preventDefault();
  const id = $("call").value.trim();
  if (location.hash === `#${encodeURIComponent(id)}`) show();
  else location.hash = encodeURIComponent(id);
});
document.querySelector(".choice").addEventListener("click", (e) => {
  const button = e.target.closest("[data-which]");
  if (!button) return;
  which = button.dataset.which;
  for (const b of document.querySelectorAll("[data-which]")) b.setAttribute("aria-pressed", String(b === button));
  look();
});
addEventListener("hashchange", () => {
  show();
  $("journey").scrollIntoView();
});
document.addEventListener("visibilitychange", look);
show();
look();
