// Boxes by finger and by keyboard alone, which Label Studio's editor knows nothing of: they become regions of its own.
import { Ground, within } from "./editor.js";
import { Fingers } from "./fingers.js";

const STEP = 1; // percent of the picture that an arrow key moves
const LEAP = 6; // and with Shift
const SMALLEST = 0.4; // percent
const WATCHED = 120; // milliseconds between looks at what the editor shows
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Pen {
  /**
   * @param {import("./editor.js").Editor} editor
   * @param {HTMLElement} layer lies over the editor and lets the mouse through
   * @param {Record<string, string>} words what is said, in the person's language
   * @param {(text: string) => void} say tells it to who cannot see
   */
  constructor(editor, layer, words, say) {
    Object.assign(this, { editor, layer, words, say, at: [50, 50], from: null, picture: null, picked: null, backing: new Map() });
    this.cross = made("div", "cross", { tabIndex: 0, role: "application", ariaLabel: words.pen });
    this.hair = made("span", "hair");
    this.rubber = made("span", "rubber");
    this.cross.append(this.hair, this.rubber);
    this.grips = made("div", "grips");
    this.away = made("button", "away", { type: "button", textContent: words.away, hidden: true });
    layer.append(this.cross, this.grips, this.away);
    this.cross.addEventListener("keydown", (event) => this.keyOfCross(event));
    this.cross.addEventListener("focus", () => this.look());
    this.away.addEventListener("click", () => this.remove(this.picked));
    this.fingers = new Fingers(this);
    setInterval(() => this.look(), WATCHED);
  }

  /** Begin anew on another task's picture; of each box there, how many people drew it and could have, where that is known. */
  begin(drawnBy = []) {
    this.picture = this.editor.pictures.find((one) => this.editor.control(one)) ?? null;
    Object.assign(this, { at: [50, 50], from: null, picked: null });
    this.backing = new Map(this.boxes.map((one, number) => [one, drawnBy[number]]).filter(([, known]) => known));
    this.grips.replaceChildren();
    this.look();
  }

  get boxes() {
    return this.picture ? this.editor.boxes(this.picture) : [];
  }

  get ground() {
    return new Ground(this.picture);
  }

  /** Put everything that lies over the picture where the editor shows it now. */
  look() {
    const there = this.picture?.stageRef?.content?.isConnected;
    this.layer.hidden = !there;
    if (!there) return;
    const frame = this.ground.frame;
    this.origin = this.layer.getBoundingClientRect();
    put(this.cross, frame.left - this.origin.left, frame.top - this.origin.top, frame.width, frame.height);
    const [x, y] = this.ground.toWindow(...this.at);
    this.hair.style.translate = `${x - frame.left}px ${y - frame.top}px`;
    this.rubber.hidden = !this.from;
    if (this.from) this.stretch(this.from, this.at);
    this.lookAtBoxes();
  }

  lookAtBoxes() {
    const boxes = this.boxes;
    const held = [...this.grips.children].map((grip) => grip.region);
    if (boxes.length !== held.length || boxes.some((one, number) => one !== held[number])) this.rebuild(boxes);
    boxes.forEach((region, number) => {
      this.lie(this.grips.children[number], box(region));
      this.grips.children[number].classList.toggle("held", Boolean(region.inSelection));
    });
    if (this.picked && !boxes.includes(this.picked)) this.picked = null;
    this.away.hidden = !this.picked;
    if (!this.picked) return;
    const { x, y, width } = box(this.picked);
    const [left, top] = this.ground.toWindow(x + width, y);
    this.away.style.translate = `calc(${left - this.origin.left}px - 100%) calc(${top - this.origin.top}px - 110%)`;
  }

  rebuild(boxes) {
    const grips = boxes.map((region, number) => {
      const grip = made("button", "grip", { type: "button", region });
      grip.ariaLabel = `${filled(this.words.box, [number + 1, boxes.length])} ${this.believed(region)}`;
      const backing = this.backing.get(region);
      if (backing) grip.append(made("span", "backing", { textContent: filled(this.words.backing, backing) }));
      grip.addEventListener("keydown", (event) => this.keyOfBox(event, region));
      grip.addEventListener("focus", () => this.editor.annotation.selectArea(region));
      return grip;
    });
    // Whoever stands at a box stays there when another comes or goes.
    const stands = boxes.indexOf([...this.grips.children].find((one) => one === document.activeElement)?.region);
    this.grips.replaceChildren(...grips);
    if (stands >= 0) grips[stands].focus({ preventScroll: true });
  }

  /** Say how many hold a box for an animal: people where these are counted, else the machine. */
  believed(region) {
    const backing = this.backing.get(region);
    if (backing) return filled(this.words.drawn_by, backing);
    return typeof region.score === "number" ? filled(this.words.sure, [region.score * 100]) : "";
  }

  lie(node, { x, y, width, height }) {
    const [left, top] = this.ground.toWindow(x, y);
    const [right, bottom] = this.ground.toWindow(x + width, y + height);
    put(node, left - this.origin.left, top - this.origin.top, right - left, bottom - top);
  }

  /** Show the box that is being drawn between two corners. */
  stretch(a, b) {
    const [left, top] = this.ground.toWindow(Math.min(a[0], b[0]), Math.min(a[1], b[1]));
    const [right, bottom] = this.ground.toWindow(Math.max(a[0], b[0]), Math.max(a[1], b[1]));
    const frame = this.ground.frame;
    this.rubber.hidden = false;
    put(this.rubber, left - frame.left, top - frame.top, right - left, bottom - top);
  }

  keyOfCross(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (move) this.step(move, event.shiftKey);
    else if (event.key === "Enter" || event.key === " ") this.corner();
    else if (event.key === "Escape" && this.from) this.giveUp();
    else return;
    taken(event);
    this.look();
  }

  step([x, y], far) {
    const by = far ? LEAP : STEP;
    this.at = [within(this.at[0] + x * by), within(this.at[1] + y * by)];
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.say(filled(this.words.at, this.at)), 400);
  }

  corner() {
    if (!this.from) {
      this.from = [...this.at];
      return this.say(filled(this.words.first, this.at));
    }
    const drawn = this.draw(this.from, this.at);
    this.from = null;
    this.say(drawn ? filled(this.words.drawn, [this.boxes.length]) : this.words.small);
  }

  giveUp() {
    this.from = null;
    this.say(this.words.stopped);
  }

  keyOfBox(event, region) {
    if (event.ctrlKey || event.metaKey) return;
    const move = MOVES[event.key];
    if (move) this.shift(region, move, event.shiftKey ? LEAP / 2 : STEP / 2, event.altKey);
    else if (event.key === "Delete" || event.key === "Backspace") this.remove(region);
    else return;
    taken(event);
    this.look();
  }

  shift(region, [x, y], by, grows) {
    const old = box(region);
    const fresh = grows
      ? { ...old, width: within(old.width + x * by), height: within(old.height + y * by) }
      : { ...old, x: old.x + x * by, y: old.y + y * by };
    this.place(region, fresh);
    this.say(filled(this.words.moved, [fresh.x, fresh.y, fresh.width, fresh.height]));
  }

  /** Draw a box between two corners unless it is a slip; return whether there is one now. */
  draw(a, b) {
    const [x, y] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
    const [width, height] = [Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1])];
    if (Math.min(width, height) < SMALLEST) return false;
    this.editor.draw(this.picture, { x, y, width, height });
    return true;
  }

  /** Put a box somewhere else, but never off the picture. */
  place(region, { x, y, width, height }) {
    const [wide, high] = [Math.min(100, Math.max(SMALLEST, width)), Math.min(100, Math.max(SMALLEST, height))];
    this.editor.place(region, { x: Math.min(within(x), 100 - wide), y: Math.min(within(y), 100 - high), width: wide, height: high });
  }

  remove(region) {
    const number = this.boxes.indexOf(region);
    if (number < 0) return;
    this.editor.remove(region);
    this.picked = null;
    this.look();
    this.say(filled(this.words.removed, [this.boxes.length]));
    (this.grips.children[Math.min(number, this.grips.children.length - 1)] ?? this.cross).focus({ preventScroll: true });
  }
}

export const box = ({ x, y, width, height }) => ({ x, y, width, height });

export const filled = (text, numbers) => numbers.reduce((said, one) => said.replace("{}", Math.round(one)), text);

/** The editor has keys of its own: what was meant for us is not for it. */
export function taken(event) {
  event.preventDefault();
  event.stopPropagation();
}

export function put(node, left, top, width, height) {
  Object.assign(node.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
}

export function made(tag, name, more = {}) {
  const node = Object.assign(document.createElement(tag), more);
  node.className = name;
  if (more.role) node.setAttribute("role", more.role);
  if (more.ariaLabel) node.setAttribute("aria-label", more.ariaLabel);
  return node;
}
