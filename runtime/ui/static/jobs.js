// A retry or purge on its way.
import { ask } from "./http.js";

const list = document.getElementById("jobs");
const blank = document.getElementById("job").content.firstElementChild;

// follow shows a job until it ends, and then calls ended. The job does not need
// the page.
export async function follow(job, ended) {
  const li = blank.cloneNode(true);
  const url = `/ui/dead-letters/jobs/${job.id}`;
  const cancel = li.querySelector("button");
  cancel.setAttribute("aria-label", `Cancel job ${job.id}`);
  cancel.addEventListener("click", async () => {
    cancel.disabled = true;
    await ask(url, { method: "DELETE" }).catch(() => {}); // how it is, is asked for below
  });
  list.prepend(li);
  for (;;) {
    show(li, job);
    if (job.state !== "running") break;
    await new Promise((wake) => setTimeout(wake, 500));
    job = await (await ask(url).catch(() => null))?.json() ?? job;
  }
  cancel.remove();
  ended();
}

function show(li, job) {
  const verb = job.kind === "retry" ? "Retry" : "Purge";
  const state = { running: `${job.rate} a second`, done: "done", cancelled: "cancelled" }[job.state];
  li.querySelector(".what").textContent = `${verb} ${job.id}: ${job.done} of ${job.total}, ${state}`;
  const bar = li.querySelector("progress");
  bar.max = Math.max(job.total, 1);
  bar.value = job.state === "done" ? bar.max : job.done;
  bar.setAttribute("aria-label", `Progress of job ${job.id}`);
}
