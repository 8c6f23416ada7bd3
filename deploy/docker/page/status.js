// Shows what each service says about itself. Asks only for what needs no token, and changes nothing.
"use strict";
const SERVICES = [...document.querySelectorAll("[data-service]")].map(link => link.dataset.service);
const EVERY_MS = 3000;

async function ask(name) {
  try {
    const answer = await fetch(`/${name}/health/ready`, { signal: AbortSignal.timeout(5000), cache: "no-store" });
    const said = await answer.json();
    // By its own word alone: at its address somebody else may answer.
    if (said.service !== name || typeof said.ready !== "boolean") throw new Error("not the service");
    const behind = Object.values(said.lag).reduce((sum, one) => sum + one, 0);
    return { name, state: said.ready ? "ready" : "not ready", behind, problems: [...said.problems, ...said.warnings] };
  } catch (error) {
    return { name, state: "away", behind: null, problems: ["it does not answer"] };
  }
}

function cell(text, className) {
  const made = document.createElement("td");
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function row(one) {
  const made = document.createElement("tr");
  const links = document.createElement("td");
  for (const [words, path] of [["health", "health/ready"], ["metrics", "metrics"], ["API", "api/v1/openapi.json"]]) {
    const link = document.createElement("a");
    link.href = `/${one.name}/${path}`;
    link.textContent = words;
    links.append(link, " ");
  }
  made.append(cell(one.name), cell(one.state, one.state === "ready" ? "well" : "ill"), cell(one.behind ?? "–"), cell(one.problems.join("; ")), links);
  return made;
}

async function look() {
  const all = await Promise.all(SERVICES.map(ask));
  const well = all.every(one => one.state === "ready");
  document.getElementById("services").replaceChildren(...all.map(row));
  const verdict = document.getElementById("verdict");
  verdict.textContent = well ? "All services are ready." : "Not everything is ready.";
  verdict.className = well ? "well" : "ill";
  document.getElementById("links").hidden = true; // The table has them, too.
  setTimeout(look, EVERY_MS);
}
look();
