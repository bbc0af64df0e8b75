// What the pages gain where scripts run: a palette, single keys, copying, notes that go away. Nothing needs it.
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const root = document.documentElement;
root.classList.add("js");

// The theme: remembered for a year, and told to the server so that no page flashes.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button?.matches("[data-theme-toggle]")) {
    event.preventDefault();
    const dark = root.dataset.theme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    for (const toggle of $$("[data-theme-toggle]")) toggle.setAttribute("aria-label", dark ? "Dark theme" : "Light theme");
    return;
  }
  // What cannot be taken back is asked about first.
  const question = event.target.dataset.confirm;
  if (question && !event.target.dataset.sure) {
    event.preventDefault();
    ask(question).then((yes) => {
      if (!yes) return;
      event.target.dataset.sure = "yes";
      event.target.requestSubmit(button);
    });
  }
});

function ask(question) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", question);
  const text = document.createElement("p");
  text.textContent = question;
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "actions";
  for (const [value, label, look] of [["yes", "Yes", ""], ["no", "Cancel", "quiet"]]) {
    const button = document.createElement("button");
    Object.assign(button, { value, textContent: label, className: look });
    form.append(button);
  }
  dialog.append(text, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    resolve(dialog.returnValue === "yes");
    dialog.remove();
  }));
}

export function toast(text) {
  const note = document.createElement("div");
  note.className = "toast";
  note.textContent = text;
  $("#toasts").append(note);
  setTimeout(() => note.remove(), 5000);
}

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest?.(selector);
  if (at("[data-dismiss]")) at(".toast").remove();
  const copied = at("[data-copy]");
  if (copied) navigator.clipboard.writeText(copied.dataset.copy).then(() => toast("Copied."), () => toast("Your browser does not let pages copy."));
  const menu = at("[data-menu]");
  if (menu) menu.setAttribute("aria-expanded", String($("#places").classList.toggle("open")));
  if (at("[data-palette]")) openPalette();
});

// A merge field with its fallback goes where somebody writes.
let written = null;
document.addEventListener("focusin", (event) => { if (event.target.matches?.("[data-merge]")) written = event.target; });
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-pick]")) $("#fallback").value = event.target.selectedOptions[0].dataset.fallback;
});
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-insert]")) return;
  const fallback = $("#fallback").value.replace(/["{}%]/g, "");
  const field = $("#pick").value;
  const into = written?.isConnected ? written : $("textarea[data-merge]");
  into.focus();
  into.setRangeText(`{{ ${field}${fallback ? ` | default: "${fallback}"` : ""} }}`, into.selectionStart, into.selectionEnd, "end");
  into.dispatchEvent(new Event("input", { bubbles: true }));
});

// What was typed is not lost by leaving.
let unsaved = null;
document.addEventListener("input", (event) => { if (event.target.form?.matches("[data-guard]")) unsaved = event.target.form; });
document.addEventListener("submit", (event) => { if (event.target === unsaved) unsaved = null; });
addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

// One box ticks all rows of its form.
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  for (const box of event.target.form.elements) if (box.name === event.target.dataset.all) box.checked = event.target.checked;
});

// A file that is too large is said to be before it is sent.
document.addEventListener("change", (event) => {
  const { dataset, files } = event.target;
  if (!files || !dataset.most) return;
  const most = Number(dataset.most);
  event.target.setCustomValidity(files[0]?.size > most ? `A file may have ${most / 1e6} MB at most. Send it in parts.` : "");
  event.target.reportValidity();
});

// The palette: pages, and any domain.
const palette = $("#palette");
const field = $("#palette-text");
const list = $("#palette-list");
let chosen = 0;
const places = () => $$("#places a, .top nav a").map((link) => ({ name: link.textContent.trim(), path: link.getAttribute("href") }));

function openPalette() {
  if (palette.open) return;
  field.value = "";
  choose();
  palette.showModal();
  field.focus();
}

function choose() {
  const text = field.value.trim();
  const wanted = text.toLowerCase();
  const found = places().filter((place) => place.name.toLowerCase().includes(wanted));
  if (text && $(".signed-in")) {
    const target = encodeURIComponent(text);
    if (text.includes("@")) found.unshift({ name: `Verify ${text}`, path: `/verifier?email=${target}` });
    else if (text.includes(".")) found.unshift({ name: `Search ${text}`, path: `/search?domain=${target}` });
    else found.push({ name: `Search the company “${text}”`, path: `/search?domain=${target}` });
  }
  chosen = 0;
  list.replaceChildren(...found.map((place, at) => {
    const item = document.createElement("li");
    item.id = `palette-${at}`;
    item.role = "option";
    item.textContent = place.name;
    item.dataset.path = place.path;
    return item;
  }));
  show();
}

function show() {
  for (const [at, item] of [...list.children].entries()) item.setAttribute("aria-selected", String(at === chosen));
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
  if (list.children[chosen]) field.setAttribute("aria-activedescendant", list.children[chosen].id);
  else field.removeAttribute("aria-activedescendant");
}

const leave = (item) => item && (location.href = item.dataset.path);
field.addEventListener("input", choose);
field.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && list.children.length) {
    event.preventDefault();
    chosen = (chosen + step + list.children.length) % list.children.length;
    show();
  } else if (event.key === "Enter") {
    event.preventDefault();
    leave(list.children[chosen]);
  }
});
list.addEventListener("click", (event) => leave(event.target.closest("li")));
palette.addEventListener("click", (event) => event.target === palette && palette.close());

// Single keys (WCAG 2.1.4: they can be turned off).
const off = $("[data-keys-off]");
off.checked = localStorage.getItem("keys") === "off";
off.addEventListener("change", () => localStorage.setItem("keys", off.checked ? "off" : "on"));
let pending = 0;
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || off.checked || $("dialog[open]")) return;
  if (event.target.matches?.("input, select, textarea, [contenteditable]")) return;
  if (pending) {
    clearTimeout(pending);
    pending = 0;
    $(`[data-key="${CSS.escape(event.key)}"]`)?.click();
  } else if (event.key === "/") {
    event.preventDefault();
    openPalette();
  } else if (event.key === "?") {
    $("#keys").showModal();
  } else if (event.key === "g") {
    pending = setTimeout(() => (pending = 0), 1200);
  } else if (event.key === "j" || event.key === "k") {
    const rows = $$("tbody tr").filter((row) => $("a, button, summary", row));
    const now = rows.findIndex((row) => row.contains(document.activeElement));
    const row = rows[Math.max(0, Math.min(rows.length - 1, now + (event.key === "j" ? 1 : -1)))];
    $("a, button, summary", row ?? document.createElement("p"))?.focus();
  }
});

// A page says that it is busy while a part of it is fetched.
document.addEventListener("htmx:before:request", () => $("#main").setAttribute("aria-busy", "true"));
document.addEventListener("htmx:finally:request", () => $("#main").removeAttribute("aria-busy"));

// Notes go away by themselves, unless something can be undone or is being read.
for (const note of $$("#toasts .toast")) if (!$("form", note)) setTimeout(() => note.matches(":hover, :focus-within") || note.remove(), 6000);
