// Photos: sent two at a time, then followed until their thumbnails are there or
// somebody has said why not.
import { address, ask, said, sentence, bytes } from "./http.js";

const section = document.getElementById("photos");
const drop = document.getElementById("drop");
const picker = document.getElementById("photo");
const shots = document.getElementById("shots");
const blank = document.getElementById("shot")?.content.firstElementChild;
const limit = Number(section?.dataset.limit);

const waiting = [];
let sending = 0;

export function receive() {
  if (!section) return; // no function makes thumbnails here
  picker.addEventListener("change", () => {
    take(picker.files);
    picker.value = ""; // the same photo may be chosen again
  });
  // A photo that misses the frame must not replace the page.
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (e) => e.preventDefault());
  let inside = 0;
  section.addEventListener("dragenter", () => drop.classList.toggle("over", ++inside > 0));
  section.addEventListener("dragleave", () => drop.classList.toggle("over", --inside > 0));
  section.addEventListener("drop", (e) => {
    inside = 0;
    drop.classList.remove("over");
    take(e.dataTransfer.files);
  });
}

function take(files) {
  for (const file of files) {
    const shot = blank.cloneNode(true);
    shot.querySelector(".file").textContent = file.name;
    shot.querySelector(".size").textContent = bytes(file.size);
    shot.querySelector("progress").setAttribute("aria-label", `Sending ${file.name}`);
    shots.prepend(shot);
    if (file.size > limit) {
      refuse(shot, `It is larger than ${bytes(limit)}.`);
    } else {
      fate(shot, "Waiting to be sent");
      waiting.push({ file, shot });
    }
  }
  next();
}

async function next() {
  if (sending >= 2 || waiting.length === 0) return;
  sending++;
  const { file, shot } = waiting.shift();
  next();
  let sent;
  try {
    sent = await send(file, shot);
  } catch (err) {
    refuse(shot, err.message);
  }
  sending--;
  next();
  if (sent) follow(shot, file.name, sent);
}

// send uses XMLHttpRequest since fetch does not tell how much has gone out.
function send(file, shot) {
  return new Promise((resolve, reject) => {
    const bar = shot.querySelector("progress");
    const xhr = new XMLHttpRequest();
    xhr.open("POST", address(`/ui/photos?${new URLSearchParams({ name: file.name })}`));
    xhr.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    xhr.upload.onprogress = (e) => {
      bar.value = e.loaded / file.size;
      fate(shot, e.loaded < file.size ? `Sending, ${Math.floor((100 * e.loaded) / file.size)} %` : "Being stored");
    };
    xhr.onload = () => (xhr.status === 201 ? resolve(JSON.parse(xhr.responseText)) : reject(new Error(said(xhr.status, xhr.responseText))));
    xhr.onerror = () => reject(new Error("The store does not answer. The photo was not stored."));
    fate(shot, "Sending");
    xhr.send(file);
  });
}

// follow asks until there is an end, less and less often.
async function follow(shot, name, { key, call_id }) {
  const bar = shot.querySelector("progress");
  bar.removeAttribute("value");
  bar.setAttribute("aria-label", `Working on ${name}`);
  fate(shot, "Stored");
  for (let pause = 150; ; pause = Math.min(pause * 1.3, 2000)) {
    let now = null;
    try {
      now = await (await ask(`/ui/photos/${call_id}?${new URLSearchParams({ key })}`)).json();
    } catch (err) {
      fate(shot, `${err.message} Trying again.`);
    }
    if (now && ended(shot, name, now)) return;
    await new Promise((wake) => setTimeout(wake, pause));
  }
}

function ended(shot, name, now) {
  switch (now.state) {
    case "done":
      if (now.thumbnails.length === 0) {
        refuse(shot, "The work is done, and there are no thumbnails.");
      } else {
        draw(shot, name, now.thumbnails);
      }
      return true;
    case "dead":
      refuse(shot, `${sentence(now.reason || "nobody said why")}${now.code ? ` (${now.code})` : ""}`);
      return true;
    case "unknown":
      refuse(shot, "It is stored, but no function watches the bucket.");
      return true;
    case "running":
      fate(shot, "Thumbnails are being made");
      return false;
    default:
      fate(shot, now.reason ? `${sentence(now.reason)}. It will be tried again.` : "Waiting for its turn");
      return false;
  }
}

function draw(shot, name, thumbnails) {
  const strip = shot.querySelector(".strip");
  strip.replaceChildren(...thumbnails.map(({ width, url }) => {
    const a = document.createElement("a");
    const img = document.createElement("img");
    a.href = address(url);
    img.src = address(url);
    img.alt = `${name}, ${width} pixels wide`;
    a.append(img, `${width} px`);
    return a;
  }));
  strip.hidden = false;
  shot.querySelector("progress").hidden = true;
  shot.classList.add("made");
  fate(shot, thumbnails.length === 1 ? "1 thumbnail" : `${thumbnails.length} thumbnails`);
}

function refuse(shot, why) {
  shot.classList.add("refused");
  shot.querySelector("progress").hidden = true;
  fate(shot, why);
}

function fate(shot, text) {
  const at = shot.querySelector(".fate");
  if (at.textContent !== text) at.textContent = text;
}
