/* The page of a list with a script: a tap is kept at once and sent when there is a network, and the list shows what others do meanwhile.
   It writes no texts of its own and decides nothing: words come from the page, answers from the service. */
"use strict";

(() => {
  if (!window.isSecureContext || !("indexedDB" in window)) return; // Forms do it, then.

  const LOOK_AGAIN_MS = 30000;
  const TRY_AGAIN_MS = 10000;
  const CLOCK_OFF_MINUTES = 5;
  const TICKET = /^[A-Za-z0-9_-]{10,400}\.[A-Za-z0-9_-]{10,400}\.[A-Za-z0-9_-]{10,400}$/;

  const root = document.getElementById("lists");
  const language = document.documentElement.lang;
  const words = [...document.getElementById("texts").content.querySelectorAll("[data-text]")];
  const said = Object.fromEntries(words.map((one) => [one.dataset.text, one.textContent]));
  const filled = (made, [key, value]) => made.replace(`{${key}}`, () => value);
  const text = (name, values = {}) => Object.entries(values).reduce(filled, said[name] || said["why.other"]);
  const hours = { hour: "numeric", minute: "2-digit" };
  const local = (how) => new Intl.DateTimeFormat(language === "pl" ? "pl-PL" : "en-GB", { ...how, timeZone: root.dataset.zone });
  const clock = (moment) => local(hours).format(new Date(moment));
  const day = (moment) => local({ day: "numeric", month: "long", ...hours }).format(new Date(moment));
  const rows = () => [...root.querySelectorAll("li[data-person]")];
  const row = (person) => rows().find((one) => one.dataset.person === person);
  const element = (name, content = "", style = "") => Object.assign(document.createElement(name), { textContent: content, className: style });
  const badge = (state) => element("span", text(`state.${state}`), `badge ${said[`tone.${state}`] || "plain"}`);
  const address = (end) => new URL(`${root.dataset.link}/${end}?lang=${language}`, location.href);

  const network = { reached: navigator.onLine, failed: false, gone: false, sent: null, off: 0, kept: false };
  document.body.classList.add("has-script");

  // --- what is tapped ---------------------------------------------------------------------

  root.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method !== "post") {
      event.preventDefault();
      return;
    }
    if (form.id === "close") {
      const waiting = (await Queue.all()).filter((one) => !one.answer).length;
      if (waiting || !navigator.onLine) tell(text("send_first"));
      else form.submit();
    }
  });
  // Before anything is awaited: the form would be sent by then.
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    event.preventDefault();
    if (form.id === "close" || !event.submitter) return;
    const fields = new FormData(form);
    const person = form.id === "walk-in" ? `walk-in-${crypto.randomUUID().slice(0, 8)}` : fields.get("person");
    mark(person, event.submitter.value, { at: fields.get("at") || undefined });
    const at = form.querySelector("[name=at]");
    if (at) at.value = "";
  }, { capture: true });

  async function mark(person, state, { at, seen, made_at = new Date().toISOString() } = {}) {
    await catch_all_up(); // A tap may come before the page has looked: it is made on what was answered last all the same.
    const line = row(person);
    const body = {
      id: crypto.randomUUID(),
      meeting_id: root.dataset.meeting,
      person_id: person,
      state,
      made_at,
      seen: seen || (line ? line.dataset.tag : "0"),
    };
    if (at) body.at = at;
    const was = line ? line.dataset.state : "";
    await Queue.mark(body, { name: nameOf(person) }, was === "not_yet" || was === "" ? "not_recorded" : was);
    await show();
    send();
  }

  function nameOf(person) {
    const line = row(person);
    if (line) return line.querySelector(".name").textContent;
    return person.startsWith("walk-in-") ? text("walk_in", { letters: person.slice(-4).toUpperCase() }) : "";
  }

  // --- what is shown ----------------------------------------------------------------------

  async function show() {
    await catch_all_up();
    const items = await Queue.all();
    const waiting = items.filter((one) => !one.answer);
    for (const line of rows()) overlay(line, waiting.filter((one) => isAbout(one, line.dataset.person)).pop());
    status(waiting.length);
    const told = items.filter((one) => one.answer || !rows().some((line) => isAbout(one, line.dataset.person)));
    const list = document.getElementById("answers");
    list.replaceChildren(...told.reverse().map(answer));
    list.hidden = !told.length;
  }

  const isHere = (one) => one.kind !== "mark" || one.body.meeting_id === root.dataset.meeting;
  const isAbout = (one, person) => isHere(one) && (one.body.person_id || one.shown.person) === person;

  async function catch_all_up() {
    const known = await Queue.known();
    for (const one of known.filter((each) => each.meeting_id === root.dataset.meeting)) catch_up(row(one.person_id), one);
  }

  /* The page may be older than what was answered last. Tags are numbers that grow. */
  function catch_up(line, { tag, state }) {
    if (!line || Number(tag) <= Number(line.dataset.tag)) return;
    Object.assign(line.dataset, { tag, state });
    for (const seen of line.querySelectorAll("input[name=seen]")) seen.value = tag;
    line.saved = state === "not_recorded" ? [] : [badge(state)];
  }

  /* What waits stands over what the list says, and says that it waits. */
  function overlay(line, item) {
    const how = line.querySelector(".how");
    if (!line.saved) line.saved = [...how.childNodes];
    const state = item ? (item.kind === "mark" ? item.body.state : "scanned") : line.dataset.state;
    how.replaceChildren(...(item ? [badge(state), element("span", text("waits"), "by")] : line.saved));
    for (const button of line.querySelectorAll("button[name=mark]")) button.setAttribute("aria-pressed", String(button.value === state));
    const undo = line.querySelector("button.undo");
    if (undo) undo.hidden = !item && ["", "not_yet", "scanned", "not_recorded"].includes(line.dataset.state);
  }

  function answer(item) {
    const { answer: given, body } = item;
    const good = given && Queue.GOOD.includes(given.outcome);
    const isConflict = Boolean(given) && given.outcome === "changed_since";
    const line = element("li", "", !given || isConflict ? "wait" : good ? "good" : "bad");
    const tell = (sentence, style) => line.append(element("p", sentence, style));
    const name = (given && given.name) || item.shown.name;
    const made = item.kind === "mark" ? yours(body) : text("ticket", { time: clock(body.scanned_at) });
    tell(name || made, "title");
    if (name) tell(made);
    if (!given) tell(text("waits"));
    else {
      if (isConflict && given.state) tell(text("theirs", { state: text(`state.${given.state}`), by: by(given) }));
      tell(given.text || text(`why.${given.reason}`));
      if (given.right_from) tell(text("right", { from: day(given.right_from), until: day(given.right_until) }));
      line.append(acts(item));
    }
    return line;
  }

  const yours = (body) => text("yours", { time: clock(body.made_at), state: text(`state.${body.state}`) });
  const by = (given) => text(given.by === root.dataset.actor ? "by_you" : given.by ? "by_other" : "by_code");

  function acts(item) {
    const choices = element("div", "", "acts");
    const button = (name, act, style) => {
      choices.append(Object.assign(element("button", text(name), style), { type: "button", onclick: act }));
    };
    const away = () => Queue.forget(item.number).then(show);
    const { person_id, state, at, made_at } = item.body;
    if (item.answer.outcome === "changed_since" && item.answer.tag) {
      button("mine", () => away().then(() => mark(person_id, state, { at, seen: item.answer.tag, made_at })), "");
      button("leave", away, "plain");
    } else button("seen", away, "plain");
    return choices;
  }

  function status(waiting) {
    const here = document.getElementById("network");
    const connected = navigator.onLine && network.reached;
    const parts = [connected ? text("online") : text("offline")];
    if (waiting) parts.push(text("waiting", { n: waiting }));
    if (network.sent) parts.push(text("sent", { time: clock(network.sent) }));
    if (network.kept && connected) parts.push(text("kept"));
    const lines = [parts.join(" · ")];
    if (network.failed && connected && waiting) lines.push(text("unreachable"));
    if (network.gone) lines.push(text("link"));
    if (Math.abs(network.off) >= CLOCK_OFF_MINUTES) lines.push(text("clock", { n: Math.abs(network.off) }));
    const told = lines.join("\n");
    here.hidden = false;
    here.className = `network ${network.gone || lines.length > 1 ? "bad" : connected ? "" : "wait"}`;
    if (here.told !== told) here.replaceChildren(...lines.map((one) => element("p", one)));
    here.told = told;
    here.dataset.waiting = String(waiting);
    here.dataset.kept = String(network.kept);
  }

  function tell(sentence) {
    const here = document.getElementById("network");
    here.told = sentence;
    here.className = "network bad";
    here.replaceChildren(element("p", sentence));
    here.scrollIntoView({ block: "center" });
  }

  // --- sending and looking again ----------------------------------------------------------

  let sending = null;
  let again = false;

  function send() {
    again = true;
    sending ||= one_after_the_other().finally(() => { sending = null; });
    return sending;
  }

  async function one_after_the_other() {
    while (again && navigator.onLine) {
      again = false;
      let news = 0;
      for (const kind of ["mark", "scan"]) news += await sent(kind);
      if (news) await look();
      if (news) again = true; // What followed what was answered can be sent now.
    }
    await show();
  }

  async function sent(kind) {
    const items = await Queue.next(kind);
    if (!items.length) return 0;
    const body = JSON.stringify({ kept: items.map((one) => one.body) });
    const headers = { "Content-Type": "application/json" };
    const answer = await asked(address(`${kind}s`), { method: "POST", headers, body });
    network.gone = Boolean(answer) && [403, 404, 410].includes(answer.status);
    network.failed = !answer || !answer.ok;
    if (network.failed) return 0;
    const { answers, now } = await answer.json();
    network.off = Math.round((Date.now() - now) / 60000);
    network.sent = Date.now();
    return Queue.answered(answers);
  }

  async function asked(where, how) {
    try {
      const answer = await fetch(where, { ...how, cache: "no-store", signal: AbortSignal.timeout(30000) });
      network.reached = true;
      return answer;
    } catch {
      network.reached = false;
      return null;
    }
  }

  /* The page anew, and only what has changed of it: nothing moves under a thumb. */
  async function look() {
    const answer = await asked(location.href, {});
    if (!answer) return;
    const shut = answer.status === 403 || answer.status === 410;
    if (shut && root.dataset.meeting) location.reload();
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("lists");
    if (fresh) network.off = Math.round((Date.now() - Number(fresh.dataset.now)) / 60000);
    if (!fresh || fresh.dataset.closed !== root.dataset.closed || !root.dataset.meeting) {
      if (fresh) location.reload();
      return;
    }
    const found = new Map([...fresh.querySelectorAll("li[data-person]")].map((one) => [one.dataset.person, one]));
    for (const line of rows()) {
      const anew = found.get(line.dataset.person);
      if (anew) renew(line, anew);
      else line.remove();
      found.delete(line.dataset.person);
    }
    const [list] = [...root.querySelectorAll("ol.people")].slice(-1);
    if (found.size && list) list.append(...[...found.values()].map((one) => document.adoptNode(one)));
    else if (found.size) location.reload();
    document.getElementById("came").textContent = fresh.querySelector("#came").textContent;
    search();
  }

  function renew(line, anew) {
    Object.assign(line.dataset, anew.dataset);
    line.saved = [...anew.querySelector(".how").childNodes].map((one) => document.adoptNode(one));
    line.querySelector(".name").textContent = anew.querySelector(".name").textContent;
    for (const seen of line.querySelectorAll("input[name=seen]")) seen.value = anew.dataset.tag;
  }

  // --- searching --------------------------------------------------------------------------

  const field = document.getElementById("q");
  const folded = (typed) => typed.toLowerCase().replaceAll("ł", "l").normalize("NFKD").replace(/[\u0300-\u036f]/g, "").split(/\s+/).filter(Boolean);

  function search() {
    if (!field) return;
    const words = folded(field.value);
    let shown = 0;
    for (const line of rows()) {
      line.hidden = !words.every((word) => line.dataset.found.includes(word));
      shown += line.hidden ? 0 : 1;
    }
    document.getElementById("nobody").hidden = shown > 0;
    const others = document.getElementById("others");
    if (others && words.length) others.open = true;
  }
  if (field) field.addEventListener("input", search);

  // --- codes ------------------------------------------------------------------------------

  const scan = document.getElementById("scan");
  if (scan && Camera.isThere()) {
    const camera = document.getElementById("camera");
    scan.hidden = false;
    scan.addEventListener("click", async () => {
      camera.hidden = false;
      scan.hidden = true;
      try {
        await Camera.start("picture", read);
      } catch {
        document.getElementById("read").textContent = text("no_camera");
      }
    });
    document.getElementById("stop").addEventListener("click", async () => {
      await Camera.stop();
      camera.hidden = true;
      scan.hidden = false;
    });
  }

  async function read(ticket) {
    const told = document.getElementById("read");
    if (!TICKET.test(ticket)) {
      told.textContent = text("no_ticket");
      return;
    }
    const person = whose(ticket);
    const name = person ? nameOf(person) : "";
    told.textContent = `${text("noted")}${name ? `: ${name}` : ""}`;
    if (navigator.vibrate) navigator.vibrate(80);
    await Queue.scan({ id: crypto.randomUUID(), ticket, scanned_at: new Date().toISOString() }, { name, person });
    await show();
    send();
  }

  /* Whom it names: to be shown at once. Whether it is genuine, the service says. */
  function whose(ticket) {
    try {
      return JSON.parse(atob(ticket.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).sub;
    } catch {
      return "";
    }
  }

  // --- without a network ------------------------------------------------------------------

  async function keep() {
    if (!("serviceWorker" in navigator) || !root.dataset.meeting) return;
    await navigator.serviceWorker.register("worker.js", { scope: "./" });
    const registered = await navigator.serviceWorker.ready;
    navigator.serviceWorker.addEventListener("message", (event) => {
      network.kept = Boolean(event.data.kept);
      show();
    });
    const needed = "script[src], link[rel=stylesheet], link[rel=icon], a[data-keep], a[hreflang]";
    const loaded = [...document.querySelectorAll(needed)].map((one) => one.src || one.href);
    registered.active.postMessage({ keep: [location.href, ...loaded] });
    if (navigator.storage && navigator.storage.persist) navigator.storage.persist();
  }

  window.addEventListener("online", () => { network.reached = true; send().then(look).then(show); });
  window.addEventListener("offline", show);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) send().then(look).then(show); });
  setInterval(send, TRY_AGAIN_MS);
  setInterval(() => { if (navigator.onLine && !document.hidden) look().then(show); }, LOOK_AGAIN_MS);
  search();
  show().then(send);
  keep().catch(() => {}); // Then it works as long as it is open.
})();
