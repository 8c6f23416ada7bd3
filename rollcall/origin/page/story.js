// The story page: shows what /story/live says. Changes nothing anywhere; everything it shows was heard or asked by the server.
"use strict";

const $ = id => document.getElementById(id);
const number = new Intl.NumberFormat("en-GB");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const exact = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "className") node.className = value; else node.setAttribute(name, value);
  }
  node.append(...children.filter(child => child !== null));
  return node;
}
// Touches the page only where something changed: a screen reader and an open <details> are left in peace.
function write(node, text) { if (node.textContent !== text) node.textContent = text; }
function dress(node, className) { if (node.className !== className) node.className = className; }

// ---- the story ----
const steps = new Map();
function step(name) {
  if (!steps.has(name)) {
    const mark = make("span", { className: "mark" }), title = make("h3"), who = make("p", { className: "who" });
    const text = make("p", { className: "text" }), extra = make("div"), event = make("div", { className: "event waiting" });
    const item = make("li", { className: "step" }, mark, make("div", { className: "tell" }, title, who, text, extra), event);
    $("steps").append(item);
    steps.set(name, { item, mark, title, who, text, extra, event, shown: null, drawn: "" });
  }
  return steps.get(name);
}
function said(at) {
  const then = new Date(at);
  if (Number.isNaN(then.getTime())) return at;
  return then.toDateString() === new Date().toDateString() ? clock.format(then) : day.format(then);
}
function card(event) {
  const rows = [["source", event.source], ["subject", event.subject], ["said", said(event.time)], ["heard", exact.format(new Date(event.heard_at))], ["ce_id", event.id]];
  return make("article", { className: "event" },
    make("header", {}, make("span", { className: "type" }, event.type),
      make("span", { className: "where", title: "stream, partition / offset" }, `${event.stream} ${event.partition}/${event.offset}`)),
    make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    make("details", {}, make("summary", {}, "The body, as JSON"), make("pre", { tabindex: "0" }, JSON.stringify(event.data, null, 2))));
}
// How long our own services took, by the broker's clock; what outside systems do takes as long as it takes.
function after(one, before) {
  if (!before?.event || !OURS.includes(one.name)) return "";
  const ms = new Date(one.event.heard_at) - new Date(before.event.heard_at);
  return ms < 0 ? "" : ` · ${ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`} later`;
}
const OURS = ["enrolled", "told", "present"];
function figure({ present, absent, open }) {
  const all = present + absent + open;
  const bar = make("div", { className: "bar", "aria-hidden": "true" }, ...[["present", present], ["absent", absent], ["open", open]]
    .filter(([, count]) => count).map(([name, count]) => { const part = make("span", { className: name }); part.style.setProperty("--n", count); return part; }));
  const words = absent || !open ? `${absent} absent` : `${open} not seen yet`;
  return make("div", { className: "figure" }, bar, make("p", {}, make("b", {}, `${present} of ${all}`), ` present · ${words}`));
}
function showStory(state) {
  $("no-story").hidden = state.programme !== null;
  if (state.programme) {
    write($("story-town"), `of ${state.programme.town}, ${day.format(new Date(state.programme.today))}`);
    document.title = `${state.programme.town} – Rollcall, live`;
  }
  let next = state.steps.find(one => !one.event)?.name;
  state.steps.forEach((one, index) => {
    const at = step(one.name), done = Boolean(one.event);
    dress(at.item, `step${done ? " done" : one.name === next ? " next" : ""}`);
    write(at.mark, done ? "✓" : String(index + 1));
    write(at.title, one.title);
    write(at.who, one.who + (done ? ` · ${exact.format(new Date(one.event.heard_at))}${after(one, state.steps[index - 1])}` : ""));
    write(at.text, one.text);
    if (!done) write(at.event, one.name === next ? "Waiting for its event …" : "Not yet");
    else if (at.shown !== one.event.id) {
      const fresh = card(one.event);
      at.event.replaceWith(fresh);
      Object.assign(at, { event: fresh, shown: one.event.id });
    }
    const drawn = JSON.stringify([one.mail, one.figure]);
    if (done && at.drawn !== drawn) {
      at.extra.replaceChildren(...[
        one.mail && make("a", { className: "mail", href: one.mail.url, target: "_blank", rel: "noopener" }, make("b", {}, "Open the mail ↗"), one.mail.subject),
        one.figure && figure(one.figure),
      ].filter(Boolean));
      at.drawn = drawn;
    }
  });
  const done = state.steps.filter(one => one.event).length;
  write($("story-done"), state.steps.length ? (done === state.steps.length ? "All of it has happened" : `${done} of ${state.steps.length} steps`) : "");
}

// ---- the load ----
const TOTALS = { events: "events in Kafka", people: "people", sessions: "trainings", places: "places taken", attended: "times somebody came", mails: "mails accepted" };
function showLoad(state) {
  const { programme } = state;
  $("load-bar").hidden = !programme;
  if (programme) {
    $("load-bar").value = (100 * programme.published) / programme.events;
    const again = programme.said > programme.events ? ` · said ${number.format(programme.said - programme.events)} times more than once` : "";
    write($("load-text"), `${number.format(programme.published)} of ${number.format(programme.events)} events from outside systems${again}`);
  }
  for (const [name, words] of Object.entries(TOTALS)) {
    if (!$(`total-${name}`)) $("totals").append(make("div", {}, make("dt", {}, words), make("dd", { id: `total-${name}` })));
    write($(`total-${name}`), number.format(state.totals[name]));
  }
  for (const one of state.services) {
    if (!$(`service-${one.name}`)) {
      $("services").append(make("li", { id: `service-${one.name}` }, make("b", {}, one.name),
        make("span", { className: "state" }, make("span", { className: "dot" }), make("span", {})), make("p", {})));
    }
    const item = $(`service-${one.name}`);
    dress(item, `${one.state}${one.behind ? " behind" : ""}`);
    write(item.querySelector(".state span:last-child"), one.state);
    write(item.querySelector("p"), one.behind ? `${number.format(one.behind)} events behind` : `heard everything · ${number.format(one.heard)} events${one.held ? ` · ${one.held} held` : ""}${one.parked ? ` · ${one.parked} parked` : ""}`);
  }
  if (document.querySelector(".recent").open) {
    $("recent").replaceChildren(...state.recent.map(event =>
      make("li", {}, make("span", {}, clock.format(new Date(event.heard_at))), make("b", {}, event.kind), make("span", {}, event.subject))));
  }
}

// ---- the books ----
const lines = new Map();
function showBooks(state) {
  for (const one of state.equations) {
    if (!lines.has(one.name)) {
      const cells = ["tick", "who", "says", "number", "relation", "parts"].map(className => make("td", { className }));
      const row = make("tr", {}, ...cells);
      $("equations").append(row);
      lines.set(one.name, { row, cells });
    }
    const { row, cells: [tick, who, says, left, relation, right] } = lines.get(one.name);
    const unknown = one.left === null || one.right === null;
    dress(row, unknown ? "unknown" : one.holds ? "yes" : "no");
    write(tick, unknown ? "?" : one.holds ? "✓" : "✗");
    tick.setAttribute("aria-label", unknown ? "not known now" : one.holds ? "agrees" : "does not agree yet");
    write(who, one.service ?? "");
    write(says, (one.holds && one.short) || one.says);
    write(left, one.left === null ? "?" : number.format(one.left));
    write(relation, one.holds || unknown ? one.relation : "≠");
    const parts = Object.entries(one.parts).filter(([, count]) => count);
    const whole = one.right === null ? "?" : number.format(one.right);
    const text = parts.length > 1 ? `${whole} = ${parts.map(([name, count]) => `${number.format(count)} ${name.replaceAll("_", " ")}`).join(" + ")}` : whole;
    if (right.dataset.text !== text) {
      right.dataset.text = text;
      const [first, ...rest] = text.split(" = ");
      right.replaceChildren(make("b", {}, first), ...(rest.length ? [make("small", {}, ` = ${rest.join(" = ")}`)] : []));
    }
  }
  const open = state.equations.filter(one => !one.holds).length;
  dress($("verdict"), `verdict ${state.balanced ? "yes" : "no"}`);
  write($("verdict"), state.balanced ? `✓ All ${state.equations.length} lines agree` : `${state.equations.length - open} of ${state.equations.length} lines agree`);
}

// ---- act and shock ----
function showAct({ act }) {
  $("act").hidden = !act;
  if (!act) return;
  write($("act-command"), act.command);
  const checks = [
    [act.published, "Your events are in Kafka"],
    [act.enrolled >= act.team, act.enrolled ? `${act.enrolled} people have a place` : "The team of three is enrolled"],
    [act.done, act.told ? `${act.told} of ${act.team} mails were accepted by the mail server` : "Three mails arrive"],
  ];
  checks.forEach(([done, words], index) => {
    const item = $("act-checks").children[index] ?? $("act-checks").appendChild(make("li"));
    dress(item, done ? "done" : "");
    write(item, words);
  });
  $("act-mail").hidden = !act.mail;
  if (act.mail && !$("act-mail").firstChild) {
    $("act-mail").append(make("a", { className: "mail", href: act.mail.url, target: "_blank", rel: "noopener" }, make("b", {}, `Yours, to ${act.to} ↗`), act.mail.subject));
  }
}
function showShock({ shock, balanced }) {
  $("shock").hidden = !shock;
  if (!shock) return;
  if (!$("shock-steps").firstChild) {
    for (const name of ["stop", "publish", "start"]) {
      $("shock-steps").append(make("li", {}, commandLine(shock.commands[name]), make("p", { className: "state", id: `shock-${name}` })));
    }
  }
  const told = (id, text, className = "") => { dress($(id), `state ${className}`); write($(id), text); };
  const gone = shock.away || shock.was_away;
  told("shock-stop", shock.away ? "Attendance is away. The others go on." : gone ? "It was away." : "", shock.away ? "now" : "");
  told("shock-publish", shock.away && shock.behind ? `${number.format(shock.behind)} events wait for attendance in Kafka, and the number grows.` : gone && shock.most_behind ? `It missed ${number.format(shock.most_behind)} events.` : "", shock.away ? "now" : "");
  told("shock-start", !shock.came_back ? "" : !shock.caught_up ? `It is back and catching up: ${number.format(shock.behind)} to go.` : balanced ? "✓ It has caught up, and the books balance." : "✓ It has caught up.", shock.caught_up ? "good" : "now");
}
function commandLine(text) {
  return make("div", { className: "command" }, make("code", { tabindex: "0" }, text), make("button", { type: "button", className: "copy" }, "Copy"));
}
document.addEventListener("click", async click => {
  const button = click.target.closest(".copy");
  if (!button) return;
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);  // no clipboard here: one keystroke is left to do
    button.textContent = "Ctrl-C";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1600);
});

// ---- live ----
function show(state) {
  if (state.inbox_url) { $("inbox").href = state.inbox_url; $("inbox").hidden = false; }
  showStory(state); showLoad(state); showBooks(state); showAct(state); showShock(state);
}
function connected(yes) {
  dress($("live"), `live ${yes ? "on" : "off"}`);
  write($("live-text"), yes ? "live" : "away, trying again");
}
const source = new EventSource("/story/live");
source.onopen = () => connected(true);
source.onerror = () => connected(false);
source.onmessage = message => { connected(true); show(JSON.parse(message.data)); };
