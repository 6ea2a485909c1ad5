// Dead letters: a list with a filter, retries and purges of one, of those that
// are chosen, or of all that match.
import { ask } from "./http.js";
import { moment } from "./time.js";
import { follow } from "./jobs.js";
import { open } from "./letter.js";

const $ = (id) => document.getElementById(id);
const blank = $("letter").content.firstElementChild;
const fields = ["function", "code", "older", "newer"];

let filter = {}; // of what is shown
let next = ""; // where the next page is
let asked = 0; // number of the last question
let dead = -1; // dead letters when the list was read

export function letters() {
  $("filter").addEventListener("submit", (e) => {
    e.preventDefault();
    load();
  });
  $("more").addEventListener("click", () => load(next));
  $("every").addEventListener("change", () => {
    for (const box of boxes()) box.checked = $("every").checked;
    scope();
  });
  $("list").addEventListener("change", scope);
  $("list").addEventListener("click", (e) => {
    const button = e.target.closest("button");
    if (button) open(button.closest("tr").dataset.id, act);
  });
  for (const kind of ["retry", "purge"]) $(kind).addEventListener("click", () => act(kind, choice()));
  load();
  return { changed };
}

// changed hears the queue's numbers: other dead letters mean another list, unless
// somebody has chosen some of this one.
function changed(functions) {
  const names = functions.map((f) => f.function);
  if ([...$("functions").children].map((o) => o.value).join() !== names.join()) {
    $("functions").replaceChildren(...names.map((n) => new Option(n, n)));
  }
  const now = functions.reduce((n, f) => n + f.dead, 0);
  if (dead >= 0 && now !== dead && chosen().length === 0 && $("list").children.length <= 50) load();
  dead = now;
}

async function load(page) {
  const mine = ++asked;
  if (!page) filter = Object.fromEntries(fields.map((f) => [f, $(f).value.trim()]).filter(([, v]) => v));
  try {
    const res = await ask(page || `/ui/dead-letters?${new URLSearchParams({ ...filter, limit: 50 })}`);
    const list = await res.json();
    if (mine !== asked) return;
    next = /<([^>]+)>; rel="next"/.exec(res.headers.get("Link") ?? "")?.[1] ?? "";
    const rows = list.map(row);
    if (page) $("list").append(...rows);
    else $("list").replaceChildren(...rows);
    $("nothing").hidden = $("list").children.length > 0;
    $("more").hidden = !next;
    $("every").checked = false;
    scope();
  } catch (err) {
    $("scope").textContent = err.message;
  }
}

function row(letter) {
  const tr = blank.cloneNode(true);
  tr.dataset.id = letter.id;
  tr.querySelector("input").setAttribute("aria-label", `Choose ${letter.id}`);
  tr.querySelector(".name").textContent = letter.function;
  tr.querySelector(".id").textContent = letter.id;
  tr.querySelector(".died").textContent = moment(letter.died_at);
  tr.querySelector(".badge").textContent = letter.code;
  tr.querySelector(".text").textContent = letter.reason;
  tr.querySelector(".attempts").textContent = letter.attempts;
  tr.querySelector("button").setAttribute("aria-label", `Show ${letter.id}`);
  return tr;
}

function boxes() {
  return [...$("list").querySelectorAll("input")];
}

function chosen() {
  return boxes().filter((b) => b.checked).map((b) => Number(b.closest("tr").dataset.id));
}

// choice is what a retry or purge is of: those that are chosen, else all that match.
function choice() {
  const ids = chosen();
  if (ids.length > 0) return { ids };
  return Object.keys(filter).length > 0 ? { ...filter } : { all: true };
}

function scope() {
  const n = chosen().length;
  const all = Object.keys(filter).length > 0 ? "all that match" : "all dead letters";
  $("scope").textContent = n === 0 ? `None is chosen: the buttons act on ${all}.` : n === 1 ? "1 is chosen." : `${n} are chosen.`;
}

// act asks how many there are, then the person, and then begins.
async function act(kind, what) {
  const post = async (body) => (await ask(`/ui/dead-letters/${kind}`, { method: "POST", body: JSON.stringify(body) })).json();
  try {
    const { count } = await post({ ...what, dry_run: true });
    if (count === 0) {
      $("scope").textContent = "There are none.";
      return;
    }
    if (!(await sure(kind, count))) return;
    follow(await post(what), load);
    document.dispatchEvent(new Event("changed"));
  } catch (err) {
    $("scope").textContent = err.message;
  }
}

function sure(kind, count) {
  const dialog = $("sure");
  const them = count === 1 ? "1 dead letter" : `${count} dead letters`;
  $("sure-text").textContent = kind === "retry" ? `Send ${them} again?` : `Delete ${them} for ever?`;
  $("yes").textContent = kind === "retry" ? `Retry ${count}` : `Purge ${count}`;
  $("yes").classList.toggle("danger", kind === "purge");
  dialog.showModal();
  return new Promise((resolve) => {
    $("yes").onclick = () => dialog.close("yes");
    $("no").onclick = () => dialog.close("");
    dialog.onclose = () => {
      resolve(dialog.returnValue === "yes");
      dialog.returnValue = "";
    };
  });
}
