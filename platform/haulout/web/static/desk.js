// The desk: one picture after the other, answered with the editor, stored by the server or kept here until it is.
import { Editor, fit, loadEditor } from "./editor.js";
import { Marks } from "./marks.js";
import { Pen } from "./pen.js";
import { Verdicts } from "./verdicts.js";
import { AGAIN, Waiting, post } from "./waiting.js";

const SOON = 2 * 60_000; // milliseconds before a picture may be given to somebody else
const TRY_AGAIN = 20_000;
const at = (id) => document.getElementById(id);
const desk = at("desk");
const words = JSON.parse(at("words").textContent);
const buttons = ["done", "undo", "skip", "tell"].map(at);
const editor = new Editor(at("editor"));
const pen = new Pen(editor, at("layer"), words, hear);
const marks = new Marks(editor, at("layer"), words, hear);
const verdicts = new Verdicts(editor, at("layer"), words);
const waiting = new Waiting(desk.dataset.person);
const touches = matchMedia("(hover: none)").matches;
let task = null;
let begun = 0;
let timers = [];

document.documentElement.dataset.colorScheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
at("done").addEventListener("click", done);
at("undo").addEventListener("click", () => editor.undo());
at("skip").addEventListener("click", () => at("why").showModal());
at("why").addEventListener("submit", ({ submitter }) => submitter.value !== "stay" && skip(submitter.value));
at("tell").addEventListener("click", () => at("comment").showModal());
at("comment").addEventListener("submit", ({ submitter }) => submitter.value === "send" && tell());
at("again").addEventListener("click", next);
addEventListener("online", resend);
addEventListener("resize", ({ isTrusted }) => isTrusted && task && editor.pictures.length && fit(at("workplace"), editor.pictures));
setInterval(resend, TRY_AGAIN);
addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  const onwards = at("after").querySelector("button");
  if (onwards && !at("after").hidden) onwards.click();
  else if (!at("done").disabled) done();
}, { capture: true });

document.querySelector(".kinds [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
begin();

async function begin() {
  await resend();
  try {
    await loadEditor(desk.dataset.editor);
  } catch {
    at("loading").textContent = words.no_editor;
    return;
  }
  await next();
}

/** Ask for a picture and show it; without a line, or when it breaks, once more after a while. */
async function next() {
  verdicts.clear();
  busy(true);
  at("after").hidden = at("nothing").hidden = true;
  const { status, said } = await post(desk.dataset.next, { question: desk.dataset.question });
  if (status === 401) return tellState(words.signed_out, true);
  if (status !== 200) return again(said.detail ?? (status ? words.broken : words.offline));
  if (said.nothing) return rest();
  try {
    await editor.show(said);
  } catch (error) {
    console.error(error);
    task = said;
    at("bar").hidden = at("skip").disabled = false; // whoever gets no picture can say so
    return again(words.broken);
  }
  task = said;
  begun = performance.now();
  at("workplace").hidden = at("bar").hidden = false;
  if (at("workplace").getBoundingClientRect().top < 0) at("workplace").scrollIntoView();
  await fit(at("workplace"), editor.pictures);
  busy(false);
  pen.begin(said.drawn_by);
  marks.begin();
  watchLease(new Date(said.until));
  if (!touches) (pen.picture ? pen.cross : at("done")).focus({ preventScroll: true });
}

function again(why) {
  tellState(why, true);
  timers.push(setTimeout(next, TRY_AGAIN));
}

function rest() {
  at("workplace").hidden = at("bar").hidden = true;
  at("nothing").hidden = false;
}

async function done() {
  if (editor.missing) return tellState(words.answer_first.replace("{}", editor.missing), true);
  const body = { ...ofTask(), result: editor.result(), seconds: Math.round((performance.now() - begun) / 100) / 10 };
  await hand(desk.dataset.submit, body, (said) => tellState(said.later ? words.later : words.stored));
}

async function skip(why) {
  await hand(desk.dataset.skip, { ...ofTask(), why }, () => tellState(why === "person" ? words.held_back : words.skipped));
}

/** Hand an answer in: stored, kept in this browser, or refused and left for the person to mend. */
async function hand(address, body, taken) {
  busy(true);
  const { status, said } = await post(address, body);
  if (status < 300 && status > 0) taken(said);
  else if (AGAIN(status)) {
    if (!waiting.keep(address, body)) return unlock(words.full);
    tellState(status === 401 ? words.signed_out : words.kept, true);
    return showWaiting(next);
  } else if (status === 409 || status === 403) tellState(said.detail ?? words.refused, true);
  else return unlock(`${words.refused} ${said.detail ?? ""}`);
  timers.forEach(clearTimeout);
  if (said.thanks) thank(said.thanks);
  if (said.feedback) judge(said.feedback);
  else await next();
}

/** What says which picture is meant, with the proof that it was given to this person. */
function ofTask() {
  return { lease: task.lease, proof: task.proof };
}

function unlock(why) {
  busy(false);
  tellState(why, true);
}

function judge(feedback) {
  verdicts.show(feedback);
  const after = at("after");
  const onwards = Object.assign(document.createElement("button"), { type: "button", textContent: words.go_on });
  onwards.addEventListener("click", next, { once: true });
  const head = Object.assign(document.createElement("strong"), { textContent: `${words.after}: ${verdicts.words_of(feedback)}` });
  after.replaceChildren(head, onwards);
  after.hidden = false;
  hear(head.textContent);
  onwards.focus({ preventScroll: true });
}

function thank(given) {
  const card = at("thanks");
  const lines = [
    words.thanks_answers.replace("{}", given.answers).replace("{}", given.today),
    given.animals && words.thanks_animals.replace("{}", given.animals),
    given.streak > 1 && words.thanks_streak.replace("{}", given.streak),
    given.better && words.thanks_better.replace("{}", percent(given.better.before)).replace("{}", percent(given.better.now)),
  ].filter(Boolean);
  const close = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: words.close });
  close.addEventListener("click", () => (card.hidden = true));
  card.replaceChildren(text("h2", words.thanks), ...lines.map((line) => text("p", line)), close);
  card.hidden = false;
}

async function tell() {
  const field = at("comment-text");
  const said = field.value.trim();
  if (!said) return;
  const { status } = await post(desk.dataset.comment, { ...ofTask(), text: said });
  if (status < 300 && status > 0) field.value = "";
  tellState(status < 300 && status > 0 ? words.told : words.untold, status >= 300 || !status);
}

/** Send what was kept here, and say so when something was. */
async function resend() {
  if (!waiting.mine.length || !navigator.onLine) return;
  const taken = await waiting.send();
  if (taken) tellState(waiting.mine.length ? words.waiting.replace("{}", waiting.mine.length) : words.sent);
}

async function showWaiting(then) {
  await new Promise((go) => setTimeout(go, 1500));
  await then();
  if (waiting.mine.length) tellState(words.waiting.replace("{}", waiting.mine.length), true);
}

function watchLease(end) {
  timers.forEach(clearTimeout);
  at("lease").hidden = true;
  const left = end - Date.now();
  timers = [setTimeout(warn, left - SOON, words.soon), setTimeout(warn, left, words.over)];
}

function warn(why) {
  at("lease").textContent = why;
  at("lease").hidden = false;
}

function busy(is) {
  at("workplace").classList.toggle("busy", is);
  at("loading").hidden = !is || editor.store !== null;
  for (const button of buttons) button.disabled = is;
}

function tellState(what, wrong = false) {
  at("said").textContent = what;
  at("said").classList.toggle("wrong", wrong);
}

function hear(what) {
  at("heard").textContent = what;
}

const percent = (share) => Math.round(100 * share);

function text(tag, content) {
  return Object.assign(document.createElement(tag), { textContent: content });
}
