// What was right on a picture with a known answer: drawn over it, with words and signs beside the colours.
import { Ground } from "./editor.js";

const SIGNS = { found: "✓", missed: "!", false: "✗", misplaced: "≈" };

export class Verdicts {
  constructor(editor, layer, words) {
    Object.assign(this, { editor, layer, words, shown: [] });
  }

  /** Draw the verdicts, boxes in percent of the picture, until they are taken away. */
  show(feedback) {
    this.clear();
    const picture = this.editor.pictures[0];
    this.shown = feedback.boxes.map((one) => {
      const node = Object.assign(document.createElement("div"), { className: `verdict ${one.verdict}` });
      const name = document.createElement("span");
      name.append(SIGNS[one.verdict], Object.assign(document.createElement("i"), { textContent: ` ${this.words[one.verdict]}` }));
      node.append(name);
      this.layer.append(node);
      return { node, box: one.box };
    });
    this.layer.classList.add("judged");
    const look = () => {
      if (!this.shown.length || !picture.stageRef?.content?.isConnected) return;
      this.lie(new Ground(picture));
      requestAnimationFrame(look);
    };
    look();
  }

  lie(ground) {
    const origin = this.layer.getBoundingClientRect();
    for (const { node, box: [x, y, width, height] } of this.shown) {
      const [left, top] = ground.toWindow(x, y);
      const [right, bottom] = ground.toWindow(x + width, y + height);
      const at = { left: left - origin.left, top: top - origin.top, width: right - left, height: bottom - top };
      for (const [name, value] of Object.entries(at)) node.style[name] = `${value}px`;
      node.classList.toggle("far", at.left > 0.7 * origin.width);
    }
  }

  clear() {
    for (const { node } of this.shown) node.remove();
    this.shown = [];
    this.layer.classList.remove("judged");
  }

  /** The verdict in a sentence. */
  words_of(feedback) {
    const count = (...names) => feedback.boxes.filter((one) => names.includes(one.verdict)).length;
    if (!feedback.boxes.length) return this.words.empty_right;
    if (count("found") === feedback.boxes.length) return this.words.perfect;
    const numbers = [count("found"), count("missed"), count("false", "misplaced")];
    return `${numbers.reduce((said, one) => said.replace("{}", one), this.words.counts)} ${this.legend(feedback)}`;
  }

  /** What the signs on the picture mean: where room is short, they stand there without words. */
  legend(feedback) {
    const there = Object.keys(SIGNS).filter((verdict) => feedback.boxes.some((one) => one.verdict === verdict));
    return `(${there.map((verdict) => `${SIGNS[verdict]} ${this.words[verdict]}`).join(", ")})`;
  }
}
