// address is that of a path here. Without it, a page that was opened as
// user:password@host/ui/ would ask for an address with the password in it,
// which fetch refuses.
export function address(path) {
  return location.origin + path;
}

// ask sends a request to the store and gives the answer, or throws an Error
// whose message a person can read: the sentence of an RFC 9457 problem.
export async function ask(path, options) {
  let res;
  try {
    res = await fetch(address(path), options);
  } catch (err) {
    if (err.name === "AbortError") throw err;
    throw new Error("The store does not answer.");
  }
  if (res.ok) return res;
  throw new Error(said(res.status, await res.text().catch(() => "")));
}

// said makes a sentence of an answer that is none that was hoped for.
export function said(status, text) {
  if (status === 401) return "The password is no longer right. Load the page again.";
  try {
    const problem = JSON.parse(text);
    if (problem.detail) return sentence(problem.detail) + (problem.code ? ` (${problem.code})` : "");
  } catch {
    // not a problem; the status has to do
  }
  return `The store answered ${status}.`;
}

export function sentence(s) {
  return s.charAt(0).toUpperCase() + s.slice(1);
}

// trace is a link to the journey of a call.
export function trace(id) {
  const a = document.createElement("a");
  a.href = `/ui/traces#${encodeURIComponent(id)}`;
  a.textContent = id;
  return a;
}

// bytes writes a size for a person.
export function bytes(n) {
  if (n < 1024) return `${n} B`;
  if (n < 1024 * 1024) return `${(n / 1024).toFixed(n < 10240 ? 1 : 0)} KiB`;
  return `${(n / 1024 / 1024).toFixed(1)} MiB`;
}
