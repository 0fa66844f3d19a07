// The first three pictures: drawn on as on real ones, and told at once what was right.
import { Editor, fit, loadEditor } from "./editor.js";
import { Pen } from "./pen.js";
import { Verdicts } from "./verdicts.js";
import { post } from "./waiting.js";

const at = (id) => document.getElementById(id);
const { editor: files, lessons, address } = at("desk").dataset;
const names = lessons.split(" ");
const words = JSON.parse(at("words").textContent);
const editor = new Editor(at("editor"));
const pen = new Pen(editor, at("layer"), words, (what) => (at("heard").textContent = what));
const verdicts = new Verdicts(editor, at("layer"), words);
const touches = matchMedia("(hover: none)").matches;
let now = 0;

document.documentElement.dataset.colorScheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
at("done").addEventListener("click", judge);
at("undo").addEventListener("click", () => editor.undo());
at("more").addEventListener("click", show);
at("onwards").addEventListener("click", onwards);
addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  const button = [at("onwards"), at("done")].find((one) => !one.hidden && !one.disabled);
  button?.click();
}, { capture: true });

loadEditor(files).then(show).catch((error) => {
  console.error(error);
  at("loading").textContent = words.no_editor;
});

async function show() {
  verdicts.clear();
  const name = names[now];
  const task = await (await fetch(`${address}/${name}`)).json();
  await editor.show(task);
  at("loading").hidden = true;
  at("step").textContent = words.step.replace("{}", now + 1).replace("{}", names.length);
  at("hint").textContent = (touches && words[`${name}_touch`]) || words[name];
  at("said").textContent = "";
  await fit(at("workplace"), editor.pictures);
  asked(true);
  pen.begin();
  if (!touches) pen.cross.focus({ preventScroll: true });
}

async function judge() {
  at("done").disabled = true;
  const { status, said } = await post(`${address}/${names[now]}`, { result: editor.result() });
  if (status === 200) verdicts.show(said.feedback);
  at("said").textContent = status === 200 ? verdicts.words_of(said.feedback) : words.unjudged;
  at("said").classList.toggle("plain", status !== 200 || said.feedback.boxes.some((one) => one.verdict !== "found"));
  asked(false);
  at("onwards").textContent = now + 1 < names.length ? words.next : words.finish;
  at("onwards").focus({ preventScroll: true });
}

function onwards() {
  now += 1;
  if (now < names.length) return show();
  for (const one of ["workplace", "hint", "onwards", "more", "done", "undo"]) at(one).hidden = true;
  at("said").textContent = at("step").textContent = "";
  at("finish").hidden = false;
  at("finish").querySelector("button").focus();
}

function asked(is) {
  at("done").hidden = at("undo").hidden = !is;
  at("done").disabled = at("undo").disabled = !is;
  at("onwards").hidden = at("more").hidden = is;
}
