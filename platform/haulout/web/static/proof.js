// Lets a worker solve the task of the sign-up form, shows how far it is, and sends the form once it is solved.
"use strict";

const form = document.querySelector("form[data-proof]");
const task = JSON.parse(form.dataset.proof);
const part = form.querySelector(".proof");
const progress = part.querySelector("progress");
const told = part.querySelector("[role=status]");
const button = form.querySelector("button");
const worker = new Worker(form.dataset.worker);
let waiting = false;

worker.onmessage = ({ data }) => {
  if (data.tried !== undefined) progress.value = data.tried / task.maxNumber;
  if (data.number !== undefined) solved(data.number);
  if (data.failed) told.textContent = part.dataset.failed;
};
worker.onerror = () => { told.textContent = part.dataset.failed; };
form.addEventListener("submit", event => {
  if (form.elements.proof.value) return;
  event.preventDefault(); // it is sent as soon as the task is solved
  waiting = true;
  button.setAttribute("aria-disabled", "true");
});
worker.postMessage(task);

function solved(number) {
  const { algorithm, challenge, salt, signature } = task;
  form.elements.proof.value = btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
  progress.value = 1;
  told.textContent = part.dataset.done;
  button.removeAttribute("aria-disabled");
  if (waiting) form.requestSubmit();
}
