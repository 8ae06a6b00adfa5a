// The chat without reloading. A message keeps its id until the server has it, so that sending again is harmless; what
// the server says waits there until the next message tells that it was shown.
"use strict";
(() => {
  const log = document.getElementById("log");
  const choices = document.getElementById("choices");
  const say = document.getElementById("say");
  const state = document.getElementById("state");
  const connection = document.getElementById("connection");
  const KEPT = "cuenta-chat";
  const queue = [];
  let sending = false;
  let leftChoices = false;  // the button that had the focus is gone: the next one takes it
  let seen = Number(say.elements.seen.value);

  const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
  const back = () => new Promise((done) => window.addEventListener("online", done, { once: true }));
  const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

  // The transcript lives in this tab only, and ends with it, or when somebody else chats here.
  const visitor = say.dataset.visitor;
  let kept = [];
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT));
    if (found && found.visitor === visitor) kept = found.items;
    else sessionStorage.removeItem(KEPT);
  } catch (error) { /* storage is off: not kept */ }
  function keep(item) {
    kept = [...kept, item].slice(-100);
    try { sessionStorage.setItem(KEPT, JSON.stringify({ visitor, items: kept })); } catch (error) { /* not kept */ }
  }

  function bubble(item) {
    const line = document.createElement("div");
    line.className = item.mine ? "mine" : "theirs";
    if (item.id) line.dataset.id = item.id;
    const text = document.createElement("p");
    text.textContent = item.text;
    line.append(text);
    if (item.size && say.dataset.bytes) {
      const small = document.createElement("small");
      small.textContent = say.dataset.bytes.replace("{n}", item.size)
        + (say.dataset.sms ? " · " + say.dataset.sms.replace("{n}", item.segments) : "");
      line.append(small);
    }
    log.append(line);
    return line;
  }

  function offer(message) {
    const place = choices.querySelector("div");
    place.replaceChildren();
    if (message.boxes) {
      const set = document.createElement("fieldset");
      for (const [label, number] of message.buttons) {
        const box = document.createElement("label");
        box.className = "box";
        const input = document.createElement("input");
        Object.assign(input, { type: "checkbox", name: "pick", value: number });
        box.append(input, " " + label);
        set.append(box);
      }
      const done = document.createElement("button");
      done.textContent = say.dataset.done;
      place.append(set, done);
      return;
    }
    for (const [label, data] of message.buttons) {
      const button = document.createElement("button");
      Object.assign(button, { name: "press", value: data, textContent: label });
      place.append(button);
    }
  }

  function show(messages) {
    // Confidential messages are numbered apart: a later ordinary one may have the smaller number.
    const news = messages.filter((message) => !log.querySelector(`[data-id="${message.id}"]`));
    const first = log.children.length;
    for (const message of news) {
      seen = message.id;
      const item = { id: message.id, text: message.text, size: message.size, segments: message.segments };
      bubble(item);
      keep({ ...item, buttons: message.buttons, boxes: message.boxes });
      offer(message);
    }
    if (!news.length) return;
    log.children[first].scrollIntoView({ block: "start" });
    if (leftChoices) choices.querySelector("div button, div input")?.focus({ preventScroll: true });
  }

  // In the demo the connection can be made bad. A message may be lost on its way there or its answer on its way back.
  async function reach(request) {
    const now = connection ? connection.value : "good";
    if (now === "off") throw new Error("off");
    if (now === "slow") await wait(3);
    if (now === "lossy" && Math.random() < 0.4) throw new Error("lost there");
    const answer = await request();
    if (now === "lossy" && Math.random() < 0.4) throw new Error("lost back");
    return answer;
  }

  // Null if it cannot be sent; why stands on the page.
  async function send(message) {
    for (let pause = 1; ; pause = Math.min(pause * 2, 30)) {
      try {
        message.fields.set("seen", seen);
        const body = new URLSearchParams(message.fields);
        const answer = await reach(() => fetch(say.action, { method: "POST", body, headers: { Accept: "application/json" } }));
        if (answer.ok) {
          const messages = await answer.json();
          state.textContent = "";
          return messages;
        }
        if (answer.status < 500 && answer.status !== 429) {
          state.textContent = answer.status === 400 ? state.dataset.cookie : state.dataset.refused;
          return null;
        }
      } catch (error) { /* no connection: once more, with the same id */ }
      state.textContent = state.dataset.offline;
      await Promise.race([wait(pause), back()]);
    }
  }

  async function work() {
    if (sending) return;
    sending = true;
    while (queue.length) {
      const message = queue[0];
      const messages = await send(message);
      queue.shift();
      message.line.classList.remove("sending");
      if (messages) show(messages);
    }
    sending = false;
  }

  function submitted(event) {
    event.preventDefault();
    const form = event.target;
    const fields = new FormData(form);
    const button = event.submitter;
    if (button && button.name) fields.set(button.name, button.value);
    const picked = [...form.querySelectorAll("input[name=pick]:checked")].map((input) => input.parentElement.textContent.trim());
    const pressed = button && button.name ? button.textContent.trim() : "";
    const text = pressed || picked.join("\n") || (fields.get("text") || "").trim();
    if (!text) return;
    fields.set("id", fresh());
    const line = bubble({ mine: true, text });
    line.classList.add("sending");
    keep({ mine: true, text });
    line.scrollIntoView({ block: "nearest" });
    leftChoices = form === choices;
    choices.querySelector("div").replaceChildren();
    if (form === say) say.elements.text.value = "";
    queue.push({ fields, line });
    work();
  }

  async function look() {
    try {
      const answer = await reach(() => fetch(say.dataset.messages, { headers: { Accept: "application/json" } }));
      if (answer.ok) show(await answer.json());
    } catch (error) { /* the next look will tell */ }
  }

  const waiting = [...log.querySelectorAll("[data-id]")].map((line) => line.dataset.id);
  const before = kept.filter((item) => item.mine || !waiting.includes(String(item.id)));
  if (before.length) {
    const now = [...log.children].filter((line) => line.dataset.id);
    log.replaceChildren();
    before.forEach(bubble);
    log.append(...now);
    const last = kept[kept.length - 1];
    if (!now.length && !last.mine && last.buttons) offer(last);
    log.lastElementChild.scrollIntoView({ block: "nearest" });
  }
  for (const line of log.querySelectorAll("[data-id]")) {
    if (!kept.some((item) => String(item.id) === line.dataset.id)) keep({ id: Number(line.dataset.id), text: line.querySelector("p").textContent });
  }
  if (document.getElementById("network")) document.getElementById("network").hidden = false;
  choices.addEventListener("submit", submitted);
  say.addEventListener("submit", submitted);
  document.getElementById("end").addEventListener("submit", () => sessionStorage.removeItem(KEPT));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
})();
