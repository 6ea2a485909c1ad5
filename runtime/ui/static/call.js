// A call by hand.
import { address, said, bytes, trace } from "./http.js";

const $ = (id) => document.getElementById(id);
const form = $("call-form");
const worth = ["X-Call-Id", "X-Duration-Seconds", "Content-Type", "Location", "Retry-After"];
const shown = 256 * 1024; // characters of a body

// offer keeps the choice of functions up to date, and what is chosen chosen.
export function offer(names) {
  const select = $("function");
  const now = [...select.options].map((o) => o.value);
  if (now.join() === names.join()) return;
  const chosen = select.value;
  select.replaceChildren(...names.map((n) => new Option(n)));
  if (names.includes(chosen)) select.value = chosen;
}

export function choose(name) {
  $("function").value = name;
  $("body").focus({ preventScroll: true });
  $("call").scrollIntoView({ block: "nearest" });
}

form.addEventListener("submit", (e) => {
  e.preventDefault();
  call();
});
$("method").addEventListener("change", () => {
  $("body").disabled = bodiless();
});
$("body").addEventListener("keydown", (e) => {
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) form.requestSubmit();
});

// bodiless: a body has no meaning there (RFC 9110 section 9.3.1).
function bodiless() {
  return ["GET", "HEAD"].includes($("method").value);
}

async function call() {
  const body = new Blob(bodiless() ? [] : [$("body").value]);
  $("answer").hidden = false;
  clear();
  if (body.size > Number($("body").dataset.limit)) {
    return verdict("Not sent", `The body has ${bytes(body.size)}; the page sends up to ${bytes(Number($("body").dataset.limit))}.`, false);
  }
  $("send").disabled = true;
  verdict("Calling …", "", true);
  const began = performance.now();
  try {
    const query = new URLSearchParams({ method: $("method").value, path: $("path").value });
    const headers = $("type").value.trim() ? { "Content-Type": $("type").value.trim() } : {};
    const res = await fetch(address(`/ui/call/${encodeURIComponent($("function").value)}?${query}`), { method: "POST", body, headers });
    const told = res.headers.get("X-Fnstore-Answer");
    if (told === null) {
      verdict("No answer", said(res.status, await res.text()), false);
    } else {
      await show(JSON.parse(decodeURIComponent(told)), res, began);
    }
  } catch (err) {
    verdict("No answer", err instanceof TypeError ? "The connection broke off." : err.message, false);
  }
  $("send").disabled = false;
  document.dispatchEvent(new Event("called"));
}

function clear() {
  $("text").textContent = "";
  $("cut").hidden = true;
  $("worth").replaceChildren();
  $("headers").replaceChildren();
  $("rest").hidden = true;
}

function verdict(what, more, good) {
  $("status").textContent = what;
  $("status").classList.toggle("bad", !good);
  $("took").textContent = more;
}

// show writes the answer as text, whatever it is, while it comes.
async function show(answer, res, began) {
  const first = performance.now() - began;
  const good = answer.status < 400;
  verdict(name(answer.status), "", good);
  list($("worth"), answer.headers.filter(([k]) => worth.includes(k)));
  list($("headers"), answer.headers);
  $("rest").hidden = false;

  const decoder = new TextDecoder();
  const reader = res.body.getReader();
  let size = 0;
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (text.length < shown) {
      text += decoder.decode(value, { stream: true });
      $("text").textContent = text.slice(0, shown);
    }
  }
  const all = performance.now() - began;
  verdict(name(answer.status), `${ms(all)}${all - first > 50 ? `, first byte after ${ms(first)}` : ""}, ${bytes(size)}`, good);
  $("cut").hidden = size < answer.limit && text.length <= shown;
  $("cut").textContent = size >= answer.limit ? `Only the first ${bytes(answer.limit)} were fetched.` : "Only the beginning is shown.";
}

function list(dl, pairs) {
  dl.replaceChildren(...pairs.flatMap(([k, v]) => [element("dt", k), element("dd", k === "X-Call-Id" ? trace(v) : v)]));
}

function element(tag, content) {
  const e = document.createElement(tag);
  e.append(content);
  return e;
}

function ms(n) {
  return n < 1000 ? `${Math.max(1, Math.round(n))} ms` : `${(n / 1000).toFixed(2)} s`;
}

// The reason phrases of RFC 9110 section 15 that are met most.
const names = {
  200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 302: "Found", 304: "Not Modified",
  307: "Temporary Redirect", 308: "Permanent Redirect",
  400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
  413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests",
  500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
};

function name(status) {
  return names[status] ? `${status} ${names[status]}` : String(status);
}
