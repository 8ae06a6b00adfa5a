// Counts the published list in the visitor's own browser, and holds it against the published results.
"use strict";
(() => {
  const form = document.getElementById("recount");
  const told = document.getElementById("progress");
  const table = document.getElementById("sum");
  const button = form.querySelector("button");
  button.hidden = false;

  const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");

  // The list stands in the order of its receipts, so one that stands there twice does not come after the one before.
  function count(text) {
    const votes = new Map();
    let ballots = 0, last = "", ordered = true;
    for (const line of text.split("\n").slice(1)) {
      if (!line) continue;
      const [receipt, choices = ""] = line.trim().split(",");
      ordered = ordered && receipt > last;
      last = receipt;
      ballots += 1;
      for (const choice of choices.split(" ")) votes.set(choice, (votes.get(choice) || 0) + 1);
    }
    return { ballots, votes, ordered };
  }

  async function fetched(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(answer.status);
    return answer;
  }

  function row(title, counted, published) {
    const line = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = title;
    line.append(head);
    for (const number of [counted, published]) {
      const cell = document.createElement("td");
      cell.className = "num";
      cell.textContent = number.toLocaleString(document.documentElement.lang);
      line.append(cell);
    }
    return line;
  }

  function show(mine, published) {
    const language = document.documentElement.lang;
    const lines = published.proposals.map((p) => [`${p.number}. ${p.title[language]}`, mine.votes.get(p.id) || 0, p.votes]);
    const sums = [form.dataset.ballots, mine.ballots, published.ballots];
    table.tBodies[0].replaceChildren(...lines.map((line) => row(...line)));
    table.tFoot.replaceChildren(row(...sums));
    table.hidden = false;
    const known = new Set(published.proposals.map((p) => p.id));
    const same = [...lines, sums].every(([, counted, said]) => counted === said);
    return same && mine.ordered && [...mine.votes.keys()].every((id) => known.has(id));
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    told.textContent = told.dataset.working;
    try {
      const [list, published] = await Promise.all([fetched(form.dataset.list), fetched(form.dataset.results)]);
      const bytes = await list.arrayBuffer();
      const same = show(count(new TextDecoder().decode(bytes)), await published.json());
      const words = [same ? told.dataset.same : told.dataset.other];
      if (window.crypto && crypto.subtle) {  // browsers keep it from pages without https
        const whole = hex(await crypto.subtle.digest("SHA-256", bytes)) === form.dataset.digest;
        words.push(whole ? told.dataset.file : told.dataset.otherFile);
      }
      told.textContent = words.join(" ");
      told.className = same ? "state open" : "state stop";
    } catch (error) {
      told.textContent = told.dataset.lost;
      told.className = "state stop";
    }
    button.disabled = false;
  });
})();
