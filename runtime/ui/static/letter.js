// One dead letter.
import { ask, bytes, trace } from "./http.js";
import { moment } from "./time.js";

const $ = (id) => document.getElementById(id);
const dialog = $("one");
const shown = 256 * 1024; // characters of a body

dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());

export async function open(id, act) {
  let letter;
  try {
    letter = await (await ask(`/ui/dead-letters/${id}`)).json();
  } catch (err) {
    $("scope").textContent = err.message;
    return;
  }
  $("one-title").textContent = `${letter.function} · ${letter.id}`;
  pairs($("facts"), [
    ["Request", `${letter.method} ${letter.path}`], ["Call", letter.call_id && trace(letter.call_id)], ["Accepted", moment(letter.created_at)], ["Died", moment(letter.died_at)],
    ["Why", `${letter.code}: ${letter.reason}`], ["Group", letter.group], ["Retried before", letter.retried || ""],
  ]);
  pairs($("headers"), Object.entries(letter.headers ?? {}).flatMap(([name, values]) => values.map((v) => [name, v])));
  $("history").replaceChildren(...(letter.history ?? []).map(attempt));
  const text = letter.body_encoding === "text" ? letter.body : `${bytes(letter.body_size)} that are no text, as base64:\n${letter.body}`;
  $("body").textContent = text.length > shown ? `${text.slice(0, shown)}\n… fnstore dlq show --raw ${letter.id} has all of it` : text;
  for (const kind of ["retry", "purge"]) {
    $(`one-${kind}`).onclick = () => {
      dialog.close();
      act(kind, { ids: [letter.id] });
    };
  }
  dialog.showModal();
}

function pairs(dl, list) {
  dl.replaceChildren(...list.filter(([, v]) => v).flatMap(([name, value]) => {
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = name;
    dd.append(value);
    return [dt, dd];
  }));
}

function attempt(a) {
  const li = document.createElement("li");
  const aside = document.createElement("span");
  li.textContent = `${a.status ? `${a.status} ` : ""}${a.code}: ${a.reason}`;
  aside.textContent = [moment(a.at), a.cause, a.version, a.digest?.slice(0, 19)].filter(Boolean).join(" · ");
  li.append(aside);
  return li;
}
