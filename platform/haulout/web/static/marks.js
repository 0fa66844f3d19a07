// Marks on two animals by finger and by keyboard alone: the editor's own points and lines, put, moved, joined, removed.
import { Ground, within } from "./editor.js";
import { filled, made, put, taken } from "./pen.js";
import { MarkFingers } from "./mark_fingers.js";

const STEP = 0.5; // percent of the picture that an arrow key moves
const LEAP = 5; // and with Shift
const GRIP = 30; // pixels of what is held of a mark
const WATCHED = 120; // milliseconds between looks at what the editor shows
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Marks {
  /** Takes the same as the pen does; its own layer lies over the pen's. */
  constructor(editor, layer, words, say) {
    Object.assign(this, { editor, words, sides: [], kind: 0, picked: null, joining: null });
    this.say = (what) => {
      clearTimeout(this.soon); // what was to be said of the cross is old now
      say(what);
    };
    this.layer = made("div", "layer");
    layer.after(this.layer);
    this.grips = made("div", "grips");
    this.tools = made("div", "marktools");
    this.kinds = made("select", "", { ariaLabel: words.kind });
    this.joiner = made("button", "", { type: "button", textContent: words.join });
    this.away = made("button", "away", { type: "button", textContent: words.away });
    this.tools.append(this.kinds, this.joiner, this.away);
    this.kinds.addEventListener("change", () => this.turn(this.picked, this.kinds.selectedIndex));
    this.joiner.addEventListener("click", () => this.join(this.picked));
    this.away.addEventListener("click", () => this.remove(this.picked));
    new MarkFingers(this);
    setInterval(() => this.look(), WATCHED);
  }

  /** Begin anew on another task's pictures. */
  begin() {
    const drawn = this.editor.pictures.map((picture) => ({ picture, control: this.editor.control(picture, "keypointlabels"), at: [50, 50] }));
    this.sides = drawn.filter((side) => side.control);
    Object.assign(this, { picked: null, joining: null, kind: 0 });
    this.grips.replaceChildren();
    this.layer.hidden = !this.sides.length;
    if (!this.sides.length) return;
    this.kinds.replaceChildren(...this.names.map((name) => new Option(name)));
    this.sides.forEach((side, number) => this.lay(side, this.words.sides[number]));
    this.layer.replaceChildren(...this.sides.map((side) => side.cross), this.grips, this.tools);
    this.look();
  }

  lay(side, name) {
    side.name = name;
    side.cross = made("div", "cross", { tabIndex: 0, role: "application", ariaLabel: `${name}. ${this.words.marks}` });
    side.hair = made("span", "hair");
    side.cross.append(side.hair);
    side.cross.addEventListener("keydown", (event) => this.keyOfCross(event, side));
  }

  get labels() {
    return this.sides[0].control.children.filter((one) => one.type === "label");
  }

  get names() {
    return this.labels.map((one) => one.value || one._value);
  }

  /** All marks, those of the first animal first. */
  get all() {
    const of = (side) => this.editor.annotation.regions.filter((one) => one.object === side.picture && one.type === "keypointregion");
    return this.editor.annotation ? this.sides.flatMap(of) : [];
  }

  side(mark) {
    return this.sides.find((one) => one.picture === mark.object);
  }

  kindOf(mark) {
    return Math.max(0, this.labels.findIndex((one) => [one.alias, one.value, one._value].includes(mark.labels[0])));
  }

  /** Put everything that lies over the pictures where the editor shows it now. */
  look() {
    this.layer.hidden = !this.sides.length || !this.sides.every((one) => one.picture.stageRef?.content?.isConnected);
    if (this.layer.hidden) return;
    this.origin = this.layer.getBoundingClientRect();
    for (const { picture, cross, hair, at } of this.sides) {
      const { left, top, width, height } = new Ground(picture).frame;
      put(cross, left - this.origin.left, top - this.origin.top, width, height);
      const [x, y] = new Ground(picture).toWindow(...at);
      hair.style.translate = `${x - left}px ${y - top}px`;
    }
    this.lookAtMarks();
  }

  lookAtMarks() {
    const all = this.all;
    const told = all.map((mark) => `${mark.id} ${this.kindOf(mark)} ${this.partner(mark)?.id}`).join();
    if (told !== this.told || this.grips.children.length !== all.length) this.rebuild(all);
    this.told = told;
    if (this.picked && !all.includes(this.picked)) this.picked = null;
    [...this.grips.children].forEach((grip, number) => {
      const [x, y] = new Ground(all[number].object).toWindow(all[number].x, all[number].y);
      put(grip, x - this.origin.left - GRIP / 2, y - this.origin.top - GRIP / 2, GRIP, GRIP);
      grip.classList.toggle("held", all[number] === this.picked || all[number] === this.joining);
    });
    this.tools.hidden = !this.picked;
    if (this.picked) this.lieTools();
  }

  /** Let the tools stand by the mark that is held, inside the window. */
  lieTools() {
    const [x, y] = new Ground(this.picked.object).toWindow(this.picked.x, this.picked.y);
    const left = Math.min(Math.max(x - this.origin.left, 0), Math.max(0, this.origin.width - this.tools.offsetWidth));
    const beside = y > innerHeight / 2 ? -GRIP - this.tools.offsetHeight : GRIP;
    this.tools.style.translate = `${left}px ${y - this.origin.top + beside}px`;
    this.kinds.selectedIndex = this.kindOf(this.picked);
  }

  rebuild(all) {
    const focused = all.indexOf([...this.grips.children].find((one) => one === document.activeElement)?.mark);
    this.grips.replaceChildren(...all.map((mark, number) => {
      const grip = made("button", "grip mark", { type: "button", mark });
      const joined = this.partner(mark) ? this.words.joined : "";
      grip.ariaLabel = `${filled(this.words.mark, [number + 1, all.length])} ${this.names[this.kindOf(mark)]}, ${this.side(mark).name}. ${joined} ${this.words.mark_keys}`;
      grip.addEventListener("keydown", (event) => this.keyOfMark(event, mark));
      return grip;
    }));
    if (focused >= 0) this.grips.children[focused].focus({ preventScroll: true });
  }

  keyOfCross(event, side) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    const kind = Number(event.key) - 1;
    if (move) this.step(side, move, event.shiftKey ? LEAP : STEP);
    else if (this.names[kind]) this.set(side, side.at, kind);
    else if (event.key === "Enter" || event.key === " ") this.set(side, side.at);
    else return;
    taken(event);
    this.look();
  }

  step(side, [x, y], by) {
    side.at = [within(side.at[0] + x * by), within(side.at[1] + y * by)];
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.say(filled(this.words.at, side.at)), 400);
  }

  keyOfMark(event, mark) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    const by = event.shiftKey ? LEAP : STEP;
    if (move) this.place(mark, [mark.x + move[0] * by, mark.y + move[1] * by]);
    else if (event.key === "Delete" || event.key === "Backspace") this.remove(mark);
    else if (event.key === "Enter" || event.key === " ") this.join(mark);
    else if (event.key === "Escape" && this.joining) this.joining = null;
    else if (this.names[Number(event.key) - 1]) this.turn(mark, Number(event.key) - 1);
    else return;
    taken(event);
    this.look();
  }

  /** Put a mark of a kind, or of the kind that was put last. */
  set(side, [x, y], kind = this.kind) {
    this.kind = kind;
    const label = side.control.children.filter((one) => one.type === "label")[kind];
    const mark = this.editor.point(side.picture, side.control, label, { x, y });
    this.say(`${this.names[kind]}, ${side.name}. ${filled(this.words.at, [x, y])}`);
    return mark;
  }

  place(mark, [x, y]) {
    this.editor.move(mark, { x: within(x), y: within(y) });
    this.say(filled(this.words.at, [within(x), within(y)]));
  }

  /** Make it a mark of another kind, where it is and joined as it is. */
  turn(mark, kind) {
    const partner = this.partner(mark);
    const { x, y } = mark;
    const side = this.side(mark);
    const number = this.all.indexOf(mark);
    this.editor.remove(mark);
    const fresh = this.set(side, [x, y], kind);
    if (partner) this.editor.join(fresh, partner);
    if (this.picked === mark) this.picked = fresh;
    this.look();
    if (number >= 0 && this.tools.hidden) this.grips.children[this.all.indexOf(fresh)]?.focus({ preventScroll: true });
  }

  partner(mark) {
    const [link] = this.editor.links(mark);
    return link ? this.all.find((one) => one !== mark && (one.id === link.node1.id || one.id === link.node2.id)) : null;
  }

  /** Begin at one mark and end at one of the other animal; two that are joined are parted. */
  join(mark) {
    const other = this.joining;
    if (!other || other === mark || other.object === mark.object || !this.all.includes(other)) {
      this.joining = other === mark ? null : mark;
      return this.say(this.joining ? this.words.join_to : this.words.stopped_joining);
    }
    const were = this.partner(mark) === other;
    for (const one of [mark, other]) this.editor.part(one);
    if (!were) this.editor.join(other, mark);
    this.joining = this.picked = null;
    this.say(were ? this.words.parted : this.words.are_joined);
  }

  remove(mark) {
    const number = this.all.indexOf(mark);
    if (number < 0) return;
    this.editor.remove(mark);
    this.picked = this.joining = null;
    this.look();
    this.say(filled(this.words.marks_left, [this.all.length]));
    (this.grips.children[Math.min(number, this.grips.children.length - 1)] ?? this.sides[0].cross).focus({ preventScroll: true });
  }
}
