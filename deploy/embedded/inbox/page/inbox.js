// The inbox page. Everything a mail says is put in as text, never as markup; its HTML lives in a sandboxed frame.
const PAGE = 50, EVERY_MS = 1500;
const $ = id => document.getElementById(id);
const api = (path, options) => fetch("/api/v1" + path, options);

/** An element with properties and children; strings become text. */
function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name in node && typeof value !== "object" && name !== "role") node[name] = value; else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined && child !== ""));
  return node;
}
const SIGNS = {
  calendar: "M2.500 4h11v9.500h-11zM2.500 7h11M5.500 2v3M10.500 2v3",
  back: "M11 3 5 9l6 6",
};
function sign(name, label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", name === "back" ? "0 0 18 18" : "0 0 16 16");
  svg.setAttribute("class", "sign");
  if (label) { svg.setAttribute("role", "img"); svg.setAttribute("aria-label", label); } else svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", SIGNS[name]);
  svg.append(path);
  return svg;
}

const asked = new URLSearchParams(location.search);
const wanted = { query: asked.get("query") ?? "", to: asked.get("to") ?? "", kind: asked.get("kind") ?? "" };
let rows = new Map(), newest = 0, nextBefore = null, loading = false, open = null, generation = 0, lastDay = "";

const filters = () => Object.entries(wanted).filter(([, value]) => value);
const parameters = extra => new URLSearchParams([...filters(), ...Object.entries(extra)]).toString();

// ---- the list ----
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayName = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const fullTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });
function day(at) {
  const today = new Date(); today.setHours(0, 0, 0, 0);
  const that = new Date(at); that.setHours(0, 0, 0, 0);
  const days = Math.round((today - that) / 864e5);
  return days === 0 ? "Today" : days === 1 ? "Yesterday" : dayName.format(that);
}
const kindName = kind => { const words = kind.replace(/[-_.]+/g, " "); return words[0].toUpperCase() + words.slice(1); };
function face(address, name) {
  const letters = name.split("@")[0].split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const text = ((letters[0]?.[0] ?? "?") + (letters[1]?.[0] ?? "")).toUpperCase();
  let hash = 0;
  for (const letter of address) hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return make("span", { className: `face hue${hash % 8}`, "aria-hidden": "true" }, text);
}
const people = list => list.length > 2 ? `${list[0]} and ${list.length - 1} more` : list.join(", ");
/** The name in the mail's To, when the mail went to just that one person; otherwise the addresses it went to. */
function receiver(mail) {
  const name = mail.header_to.match(/^\s*"?([^"<,]+?)"?\s*<([^>]+)>\s*$/);
  return name && mail.recipients.length === 1 && name[2].toLowerCase() === mail.recipients[0] ? name[1] : people(mail.recipients);
}

function row(mail, isNew) {
  const link = make("a", { className: `row${mail.seen ? "" : " unseen"}${isNew ? " new" : ""}`, href: `#/message/${mail.id}` },
    face(mail.recipients[0] ?? "", receiver(mail)),
    make("span", { className: "body" },
      make("span", { className: "line" },
        make("span", { className: "who" }, receiver(mail)),
        make("time", { className: "when", dateTime: mail.received_at }, clock.format(new Date(mail.received_at)))),
      make("span", { className: "line" },
        make("span", { className: "subject" }, mail.subject || "(no subject)"),
        mail.has_calendar ? sign("calendar", "with a calendar entry") : null),
      make("div", { className: "preview" }, mail.preview || "")));
  link.dataset.id = mail.id;
  const item = make("li", {}, link);
  rows.set(mail.id, { mail, link, item });
  return item;
}
function add(mails) {
  for (const mail of mails) {
    if (rows.has(mail.id)) continue;
    const name = day(mail.received_at);
    if (name !== lastDay) { $("list").append(make("li", { className: "day" }, name)); lastDay = name; }
    $("list").append(row(mail, false));
  }
}
function prepend(mails) {
  // Newest last, so that each goes to the top; the heading of its day stays above it.
  for (const mail of [...mails].reverse()) {
    if (rows.has(mail.id)) continue;
    const name = day(mail.received_at);
    let heading = $("list").firstElementChild;
    if (!heading || heading.textContent !== name) { heading = make("li", { className: "day" }, name); $("list").prepend(heading); lastDay ||= name; }
    heading.after(row(mail, true));
  }
}

async function load(before) {
  if (loading) return;
  loading = true;
  const mine = generation;
  try {
    const answer = await api(`/messages?${parameters({ limit: PAGE, ...(before ? { before } : {}) })}`);
    const page = await answer.json();
    if (mine !== generation) return;
    add(page.messages);
    nextBefore = page.next_before;
    newest = Math.max(newest, page.messages[0]?.id ?? 0);
    showCount(page.total);
  } finally { if (mine === generation) loading = false; }
  if (mine === generation && nextBefore && $("more").getBoundingClientRect().top < innerHeight + 400) await load(nextBefore);
}
function restart() {
  generation += 1; loading = false; rows = new Map(); newest = 0; nextBefore = null; lastDay = "";
  $("list").replaceChildren(); $("fresh").hidden = true; $("scroll").scrollTop = 0;
  const address = new URL(location.href);
  address.search = parameters({});
  history.replaceState(null, "", address);
  $("search").value = wanted.query;
  showFilter();
  load().then(mark);
}
let shown = 0;
function showCount(total) {
  shown = total;
  const count = total.toLocaleString("en-GB");
  $("count").replaceChildren(filters().length ? `${count} found` : total === 1 ? "1 mail" : `${count} mails`);
  if (summary?.unseen && !filters().length) $("count").append(make("small", {}, `${summary.unseen.toLocaleString("en-GB")} unread`));
  const none = total === 0;
  $("nothing").hidden = !none;
  $("empty").hidden = !summary?.accepted;
  $("see-all").hidden = !summary?.unseen;
  if (!none) return;
  $("nothing").replaceChildren(...(filters().length
    ? [make("b", {}, "Nothing found"), make("p", {}, "No mail here matches. Every word has to occur: in the subject, an address or the text.")]
    : [make("b", {}, "No mail yet"), make("p", {}, "Mails appear here by themselves, the moment Rollcall sends one.")]));
}
function showFilter() {
  const parts = [];
  if (wanted.to) parts.push(`to ${wanted.to}`);
  if (wanted.query) parts.push(`with “${wanted.query}”`);
  $("filter").hidden = parts.length === 0;
  $("filter-text").textContent = `Mails ${parts.join(", ")}`;
}

// ---- what is new ----
let summary = null, known = 0;
async function look() {
  try {
    const seen = await (await api("/summary")).json();
    const emptied = summary && seen.latest < summary.latest;
    summary = seen;
    showChips();
    $("live").className = "live on";
    $("live-text").textContent = "Live";
    document.title = seen.unseen ? `(${seen.unseen}) Rollcall inbox` : "Rollcall inbox";
    if (emptied) { restart(); return; }
    showCount(shown);
    if (seen.latest > known || [...rows.values()].slice(0, PAGE).some(one => !one.mail.preview && Date.now() - Date.parse(one.mail.received_at) < 60000)) await arrive();
    known = seen.latest;
  } catch {
    $("live").className = "live off";
    $("live-text").textContent = "Not reachable";
  }
}
async function arrive() {
  const mine = generation;
  const page = await (await api(`/messages?${parameters({ limit: PAGE })}`)).json();
  if (mine !== generation || loading) return;
  const unknown = page.messages.filter(mail => mail.id > newest);
  for (const mail of page.messages) {
    const before = rows.get(mail.id);
    if (before && before.mail.preview !== mail.preview) before.item.replaceWith(row(mail, false));
  }
  // More than a page at once: a gap would be left between the old and the new, so begin again from the top.
  if (unknown.length === PAGE && newest) { if ($("scroll").scrollTop < 40) restart(); else offer(); }
  else if (unknown.length && ($("scroll").scrollTop < 40)) { prepend(unknown); newest = unknown[0].id; }
  else if (unknown.length) offer();
  showCount(page.total);
  mark();
}
function offer() { $("fresh").hidden = false; $("fresh").textContent = "New mails ↑"; }
function showChips() {
  const kinds = Object.entries(summary.by_kind);
  $("chips").hidden = kinds.length === 0;
  const state = JSON.stringify([kinds, wanted.kind, summary.accepted]);
  if ($("chips").dataset.state === state) return;
  $("chips").dataset.state = state;
  const chip = (kind, label, count) => {
    const button = make("button", { type: "button", "aria-pressed": String(wanted.kind === kind) }, label, make("b", {}, count.toLocaleString("en-GB")));
    button.onclick = () => { wanted.kind = wanted.kind === kind ? "" : kind; showChips(); restart(); };
    return button;
  };
  $("chips").replaceChildren(chip("", "All", summary.accepted), ...kinds.map(([kind, count]) => chip(kind, kindName(kind), count)));
}

// ---- one mail ----
function mark() {
  for (const { link } of rows.values()) link.setAttribute("aria-current", String(Number(link.dataset.id) === open));
}
async function route() {
  const id = Number(location.hash.match(/^#\/message\/(\d+)$/)?.[1] ?? 0);
  open = id || null;
  document.body.classList.toggle("reading", Boolean(open));
  mark();
  $("welcome").hidden = Boolean(open);
  $("mail").hidden = !open;
  if (!open) { $("mail").replaceChildren(); return; }
  const answer = await api(`/messages/${id}`);
  if (open !== id) return;
  if (!answer.ok) { $("mail").replaceChildren(backButton(), make("p", { className: "note" }, (await answer.json()).detail)); return; }
  show(await answer.json());
  rows.get(id)?.link.scrollIntoView({ block: "nearest" });
  await api(`/messages/${id}/seen`, { method: "POST" });
  const listed = rows.get(id);
  if (listed) { listed.mail.seen = true; listed.link.classList.remove("unseen"); }
}
function backButton() {
  const button = make("button", { type: "button", className: "back" }, sign("back"), "Mails");
  button.onclick = leave;
  return button;
}
function leave() {
  const last = rows.get(open)?.link;
  location.hash = "#/";
  last?.focus();
}
function show(mail) {
  const base = `/api/v1/messages/${mail.id}`;
  const tabs = [
    mail.has_html && ["HTML", () => make("iframe", { title: "The mail as its recipient sees it", src: `${base}/html`, sandbox: "allow-popups allow-popups-to-escape-sandbox" })],
    mail.has_text && ["Plain text", () => later(`${base}/text`, text => make("pre", { className: "prose" }, text))],
    mail.has_calendar && ["Calendar", () => later(`${base}/calendar`, text => calendar(JSON.parse(text)))],
    ["Headers", () => make("table", {}, make("tbody", {}, mail.headers.map(one => make("tr", {}, make("th", { scope: "row" }, one.name), make("td", {}, one.value)))))],
    ["Source", () => later(`${base}/raw`, text => make("pre", {}, text))],
  ].filter(Boolean);
  const part = make("div", { className: "part", role: "tabpanel", id: "part", tabIndex: 0 });
  const buttons = tabs.map(([label, content], index) => {
    const button = make("button", { type: "button", role: "tab", id: `tab-${index}`, "aria-controls": "part" }, label);
    button.onclick = () => {
      for (const one of buttons) { one.setAttribute("aria-selected", String(one === button)); one.tabIndex = one === button ? 0 : -1; }
      part.setAttribute("aria-labelledby", button.id);
      part.replaceChildren(content());
    };
    button.onkeydown = event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = buttons[(index + step + buttons.length) % buttons.length];
      next.focus(); next.click();
    };
    return button;
  });
  const to = mail.recipients.flatMap((address, index) => {
    const link = make("a", { href: `/?to=${encodeURIComponent(address)}`, title: `All mails to ${address}` }, address);
    return index ? [", ", link] : [link];
  });
  const name = receiver(mail), address = people(mail.recipients);
  $("mail").replaceChildren(
    make("header", { className: "head" },
      backButton(),
      mail.kind ? make("div", {}, make("span", { className: "kind" }, kindName(mail.kind))) : null,
      make("h2", {}, mail.subject || "(no subject)"),
      make("div", { className: "route" },
        face(mail.recipients[0] ?? "", receiver(mail)),
        make("div", {}, make("p", {}, "To ", name === address ? "" : `${name}, `, to), make("p", {}, "From ", mail.header_from)),
        make("time", { dateTime: mail.received_at }, fullTime.format(new Date(mail.received_at)))),
      make("div", { className: "tabs", role: "tablist", "aria-label": "Parts of the mail" }, buttons)),
    part);
  if (mail.attachments.length) {
    $("mail").append(make("footer", { className: "attached" }, "Attached:",
      mail.attachments.map(one => make("span", {}, `${one.file_name || one.content_type} · ${size(one.size_bytes)}`))));
  }
  buttons[0].click();
}
const size = bytes => bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
function later(address, draw) {
  const place = make("div", {}, make("p", { className: "note" }, "Loading"));
  fetch(address).then(answer => answer.text()).then(text => place.replaceWith(draw(text)), () => { place.textContent = "The inbox does not answer."; });
  return place;
}

// Wall time as the mail means it: read as UTC and written as UTC, so the reader's own zone plays no part.
const wall = options => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
const asDate = moment => new Date(`${moment.date}T00:00:00Z`);
const METHODS = { REQUEST: "Invitation", CANCEL: "Cancellation", PUBLISH: "Calendar entry", REPLY: "Answer", COUNTER: "Counter-proposal" };
function calendar(parts) {
  const place = make("div", { className: "events" });
  for (const part of parts) {
    if (part.problem) place.append(make("p", { className: "note" }, `This calendar part cannot be read: ${part.problem}`));
    place.append(...part.events.map(one => event(one, part.method)),
      make("details", {}, make("summary", {}, "The calendar file as it was sent"), make("pre", {}, part.source)));
  }
  return place;
}
function event(one, method) {
  const cancelled = method === "CANCEL" || one.status === "CANCELLED";
  const state = cancelled ? "Cancelled" : METHODS[method] ?? "Calendar entry";
  const facts = [
    ["Place", one.location], ["Organiser", one.organiser], ["Invited", one.attendees.join("\n")], ["Repeats", one.repeats],
    ["Reminder", one.reminders.join(", ")], ["About", one.description], ["Link", one.url],
    ["Version", `${one.sequence}${one.sequence ? " – replaces the entry sent before" : " – the first one sent"}`], ["UID", one.uid],
  ].filter(([, value]) => value);
  const times = one.starts && [one.starts.time, one.ends?.date === one.starts.date ? one.ends.time : ""].filter(Boolean).join(" – ");
  const until = one.starts && one.ends && one.ends.date !== one.starts.date && one.ends.time
    ? ` until ${wall({ weekday: "long", day: "numeric", month: "long" }).format(asDate(one.ends))} ${one.ends.time}` : "";
  return make("section", { className: `event${cancelled ? " cancelled" : ""}` },
    make("div", { className: "leaf", "aria-hidden": "true" }, one.starts ? [
      make("span", {}, wall({ month: "short" }).format(asDate(one.starts))),
      make("b", {}, wall({ day: "numeric" }).format(asDate(one.starts))),
      make("small", {}, wall({ weekday: "short" }).format(asDate(one.starts)))] : "–"),
    make("div", {},
      make("span", { className: `state${cancelled ? " bad" : ""}` }, state),
      make("h3", {}, one.summary || "(no title)"),
      one.starts ? make("p", { className: "clock" }, `${wall({ weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(asDate(one.starts))}${times ? `, ${times}` : ", all day"}${until}`) : null,
      one.starts?.zone ? make("p", { className: "zone" }, `Local time, ${one.starts.zone}`) : null,
      make("dl", {}, facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]))));
}

// ---- what people do ----
let typing;
$("search").oninput = () => { clearTimeout(typing); typing = setTimeout(() => { wanted.query = $("search").value.trim(); restart(); }, 180); };
$("search-form").onsubmit = event => { event.preventDefault(); clearTimeout(typing); wanted.query = $("search").value.trim(); restart(); };
$("clear").onclick = () => { wanted.query = wanted.to = ""; restart(); $("search").focus(); };
$("fresh").onclick = restart;
$("see-all").onclick = async () => { await api("/messages/seen", { method: "POST" }); await look(); restart(); };
$("empty").onclick = () => { $("confirm-text").textContent = `${summary.accepted.toLocaleString("en-GB")} mails are deleted for good.`; $("confirm").showModal(); };
$("confirm").onclose = async () => {
  if ($("confirm").returnValue !== "yes") return;
  await api("/messages", { method: "DELETE" });
  location.hash = "#/"; wanted.query = wanted.to = wanted.kind = "";
  await look(); restart();
};
document.onkeydown = event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("confirm").open) return;
  if (event.key === "Escape") { if (document.activeElement === $("search")) $("search").blur(); else if (open) leave(); return; }
  if (event.target.matches("input, textarea")) return;
  if (event.key === "/") { event.preventDefault(); $("search").focus(); }
  const step = { j: 1, k: -1 }[event.key];
  if (!step) return;
  const links = [...$("list").querySelectorAll("a.row")];
  const at = links.findIndex(link => Number(link.dataset.id) === open);
  const next = links[at === -1 ? 0 : at + step];
  if (next) { location.hash = next.hash; next.focus(); }
};
new IntersectionObserver(([seen]) => { if (seen.isIntersecting && nextBefore) load(nextBefore).then(mark); }, { root: $("scroll"), rootMargin: "600px" }).observe($("more"));
window.onhashchange = route;
document.onvisibilitychange = () => { if (!document.hidden) look(); };

await look();
restart();
route();
setInterval(() => { if (!document.hidden) look(); }, EVERY_MS);
