// What the reference gains where scripts run: your key in the examples, calls that are sent from here, a search.
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const NAME = "vizsla-key";
const SHOWN = ["content-type", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-rate-limit-remaining",
  "retry-after", "idempotent-replayed", "x-request-id"];

// The key: in this tab alone, and gone with it. The server never writes it into a page.
const field = $("#docs-key");
const said = $("[data-key-said]");
const placeholders = new Map($$("[data-fill]").map((place) => [place, place.textContent]));
const key = () => sessionStorage.getItem(NAME) ?? "";

function fill(text) {
  const now = key();
  for (const [place, name] of placeholders) {
    place.textContent = !now ? name : place.dataset.fill === "string" ? JSON.stringify(now) : now;
    place.classList.toggle("filled", Boolean(now));
  }
  $("[data-key-forget]").hidden = !now;
  field.value = now;
  if (text) said.textContent = text;
}

function keep(text, words) {
  if (text) sessionStorage.setItem(NAME, text);
  else sessionStorage.removeItem(NAME);
  fill(words);
}

$("[data-key-form]").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (!/^[\x21-\x7e]*$/.test(text)) said.textContent = "That is no key: a key has letters and digits alone.";
  else keep(text, text ? "The examples and forms below use it, in this tab." : "No key is kept.");
});
$("[data-key-forget]").addEventListener("click", () => keep("", "Forgotten. If nobody needs it any more, stop it on the page of keys."));
$("[data-key-make]")?.addEventListener("click", async (event) => {
  const button = event.currentTarget;
  button.disabled = true;
  try {
    const answer = await fetch("/docs/key", { method: "POST", headers: { Accept: "application/json" }, redirect: "error" });
    const body = await answer.json();
    if (answer.ok) keep(body.api_key, "Made, and kept in this tab. It is called “API docs” among your keys.");
    else said.textContent = body.errors[0].details;
  } catch {
    said.textContent = "It could not be made. Load the page again: you may have been signed out.";
  }
  button.disabled = false;
});
fill();

// Copying takes what is seen.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy-code]");
  if (!button) return;
  button.dataset.copy = $("pre", button.parentElement).textContent;
}, true);

// Sending a call: as the example does, from here.
function read(form) {
  const request = { path: form.dataset.path, query: new URLSearchParams(), headers: {}, body: {} };
  for (const input of $$("[data-place]", form)) {
    const text = input.value.trim();
    if (!text) continue;
    const { place, form: kind } = input.dataset;
    if (place === "path") request.path = request.path.replace(`{${input.name}}`, encodeURIComponent(text));
    else if (place === "query") request.query.set(input.name, text);
    else if (place === "header") request.headers[input.name] = text;
    else if (kind === "json") request.body[input.name] = parse(text, input.name);
    else if (kind === "list") request.body[input.name] = text.split(",").map((word) => word.trim()).filter(Boolean);
    else if (kind === "number" && /^-?\d+$/.test(text)) request.body[input.name] = Number(text);
    else if (kind === "choice" && (text === "true" || text === "false")) request.body[input.name] = text === "true";
    else request.body[input.name] = text;
  }
  return request;
}

function parse(text, name) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is not JSON: ${error.message}`);
  }
}

async function send(form) {
  const note = $("[data-said]", form);
  const { method, access } = form.dataset;
  note.textContent = "";
  if (access === "key" && !key()) {
    note.textContent = "It needs a key: give one above.";
    field.focus();
    return;
  }
  let request;
  try {
    request = read(form);
  } catch (error) {
    note.textContent = error.message;
    return;
  }
  const options = { method, headers: request.headers, credentials: "omit", redirect: "error" };
  if (access !== "open" && key()) request.headers["X-API-KEY"] = key();
  if (Object.keys(request.body).length) {
    request.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(request.body);
  }
  const query = request.query.toString();
  const button = $("button", form);
  button.disabled = true;
  note.textContent = "Sent …";
  const began = performance.now();
  try {
    const answer = await fetch(request.path + (query && `?${query}`), options);
    const text = await answer.text();
    show(form, answer, text, Math.round(performance.now() - began));
    note.textContent = "";
  } catch {
    note.textContent = "No answer: the server cannot be reached, or the headers hold what no header may.";
  }
  button.disabled = false;
}

function show(form, answer, text, ms) {
  const status = $("[data-status]", form);
  status.textContent = `${answer.status} ${answer.statusText}`.trim();
  status.className = `status ${answer.ok ? "ok" : "error"}`;
  $("[data-ms]", form).textContent = `${ms} ms`;
  $("[data-headers]", form).replaceChildren(...SHOWN.filter((name) => answer.headers.has(name)).map((name) => {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = name;
    value.textContent = answer.headers.get(name);
    row.append(term, value);
    return row;
  }));
  const body = $("[data-body]", form);
  body.textContent = pretty(text) || "(no body)";
  $("[data-answer]", form).hidden = false;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

for (const form of $$("form[data-path]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

// Search: every word somewhere in a call.
$("#docs-search").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const section of $$("[data-words]")) {
    const fits = words.every((word) => section.dataset.words.includes(word));
    found += fits;
    section.hidden = !fits;
    $(`[data-for="${CSS.escape(section.id)}"]`).hidden = !fits;
  }
  for (const group of $$("[data-group]")) group.hidden = !$("[data-for]:not([hidden])", group);
  $("[data-none]").hidden = found > 0;
});

// Where one is.
function mark() {
  const here = decodeURIComponent(location.hash);
  for (const link of $$(".calls a")) {
    if (here && link.getAttribute("href") === here) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
addEventListener("hashchange", mark);
mark();
