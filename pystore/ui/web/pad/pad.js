"use strict";
const pad = document.getElementById("pad");
const paper = pad.getContext("2d");
let last = null; // where the pen is; null: it is lifted
let inked = false;

function clearPad() {
  paper.fillStyle = "#fff";
  paper.fillRect(0, 0, pad.width, pad.height);
  inked = false;
  last = null;
  forget();
}

function place(event) {
  const box = pad.getBoundingClientRect();
  const scale = pad.width / box.width; // on a phone, the pad is not as wide as its drawing
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

function draw(event) {
  if (last === null) return;
  const now = place(event);
  paper.strokeStyle = "#000";
  paper.lineWidth = 20;
  paper.lineCap = paper.lineJoin = "round";
  paper.beginPath();
  paper.moveTo(...last);
  paper.lineTo(...now);
  paper.stroke();
  last = now;
  inked = true;
  ask(drawing, "image/png");
}

function drawing() {
  if (!inked) return null;
  return new Promise((done) => pad.toBlob(done, "image/png"));
}

function lift() {
  last = null;
}

pad.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  pad.setPointerCapture(event.pointerId);
  last = place(event);
  draw(event);
});
pad.addEventListener("pointermove", draw);
pad.addEventListener("pointerup", lift);
pad.addEventListener("pointercancel", lift);
document.getElementById("clear").addEventListener("click", clearPad);
document.addEventListener("keydown", (event) => {
  const typing = event.target === token || event.ctrlKey || event.metaKey || event.altKey;
  if (event.key === "c" && !typing) clearPad();
});
clearPad();
