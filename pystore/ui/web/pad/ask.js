"use strict";
// Asks the model and shows what it says. One question at a time; the newest one is asked last.
const label = document.getElementById("label");
const bars = document.getElementById("bars");
const told = document.getElementById("told");
const token = document.getElementById("token");
const asking = { busy: false, next: null, round: 0 };

token.value = sessionStorage.getItem("token") || "";
token.addEventListener("change", () => sessionStorage.setItem("token", token.value));

function forget() {
  asking.round += 1; // an answer that is on its way is not shown any more
  asking.next = null;
  show("", [], "");
}

function show(text, confidences, line) {
  label.textContent = text;
  told.textContent = line;
  bars.replaceChildren();
  for (const [name, share] of confidences) {
    const row = document.createElement("li");
    const bar = document.createElement("meter");
    bar.value = share;
    row.append(name + " ", bar, " " + Math.round(share * 100) + " %");
    bars.append(row);
  }
}

// `make` gives the body of the question, when its turn has come; null: there is nothing to ask.
async function ask(make, type) {
  if (asking.busy) {
    asking.next = [make, type];
    return;
  }
  asking.busy = true;
  const round = asking.round;
  try {
    const body = await make();
    if (body !== null) {
      const headers = { "Content-Type": type };
      if (token.value) headers.Authorization = "Bearer " + token.value;
      const reply = await fetch("predict", { method: "POST", body, headers });
      const found = await reply.json();
      document.getElementById("token-row").hidden = reply.status !== 401;
      if (round === asking.round) tell(reply.ok, found);
    }
  } catch (error) {
    if (round === asking.round) show("?", [], "the service does not answer");
  }
  asking.busy = false;
  if (asking.next !== null) {
    const next = asking.next;
    asking.next = null;
    ask(...next);
  }
}

function tell(ok, found) {
  if (!ok) {
    const words = [found.title, found.because, found.remedy];
    show("", [], words.filter(Boolean).join("; "));
    return;
  }
  const first = found.predictions[0];
  if (found.predictions.length > 1) {
    show(found.predictions.map(text).join(", "), [], found.rref);
  } else if (first === null || first === undefined) {
    show("", [], found.rref);
  } else if (typeof first === "object" && Object.values(first).every(Number.isFinite)) {
    const sorted = Object.entries(first).sort((a, b) => b[1] - a[1]).slice(0, 3);
    show(sorted.length ? sorted[0][0] : "", sorted, found.rref);
  } else {
    show(text(first), [], found.rref);
  }
}

function text(prediction) {
  return typeof prediction === "object" ? JSON.stringify(prediction) : String(prediction);
}
