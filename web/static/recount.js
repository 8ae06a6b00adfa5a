// Counts the published list in the visitor's own browser. The list is read piece by piece: a million ballots fit.
"use strict";
(() => {
  const form = document.getElementById("recount");
  const told = document.getElementById("progress");
  const table = document.getElementById("sum");
  const button = form.querySelector("button");
  button.hidden = false;

  const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");

  function count(text) {
    const votes = {};
    let ballots = 0;
    for (const line of text.split("\n").slice(1)) {
      if (!line) continue;
      ballots += 1;
      for (const choice of line.slice(line.indexOf(",") + 1).trim().split(" ")) {
        if (choice) votes[choice] = (votes[choice] || 0) + 1;
      }
    }
    return { ballots, votes };
  }

  async function fetched(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(answer.status);
    return answer;
  }

  function show(mine, published) {
    let same = mine.ballots === published.ballots;
    const theirs = Object.fromEntries(published.proposals.map((p) => [p.id, p.votes]));
    for (const row of table.querySelectorAll("[data-id]")) {
      const id = row.dataset.id;
      const [counted, said] = row.querySelectorAll("td");
      counted.textContent = mine.votes[id] || 0;
      said.textContent = theirs[id] || 0;
      same = same && counted.textContent === said.textContent;
    }
    const [counted, said] = table.querySelectorAll("tfoot td");
    counted.textContent = mine.ballots;
    said.textContent = published.ballots;
    table.hidden = false;
    return same && Object.keys(mine.votes).every((id) => id in theirs);
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
    } catch (error) {
      told.textContent = told.dataset.lost;
    }
    button.disabled = false;
  });
})();
