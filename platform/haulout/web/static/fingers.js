// Touch on the picture: one finger draws, or moves the box that was tapped; two fingers look closer and scroll.
import { Ground } from "./editor.js";
import { box } from "./pen.js";

const TAP = 9; // pixels that a finger may slip and still only taps
const CORNER = 26; // pixels round a corner that pull it
const CLOSEST = 12; // times
const ON = { capture: true, passive: false };

export class Fingers {
  constructor(pen) {
    this.pen = pen;
    this.doing = null;
    const host = pen.editor.host;
    for (const [name, act] of [["touchstart", this.down], ["touchmove", this.move], ["touchend", this.up], ["touchcancel", this.stop]])
      host.addEventListener(name, (event) => this.on(event, act), ON);
  }

  /** Let the editor hear nothing of fingers on a picture that is drawn on; a mouse it hears as ever. */
  on(event, act) {
    const stage = this.pen.picture?.stageRef?.content;
    if (!stage?.contains(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
    act.call(this, [...event.touches].map((one) => [one.clientX, one.clientY]));
    this.pen.look();
  }

  down(fingers) {
    this.pen.rubber.hidden = true;
    if (fingers.length === 2) this.doing = { act: this.pinch, before: fingers };
    else if (fingers.length === 1) this.doing = this.begun(fingers[0]);
    else this.doing = null;
  }

  begun(at) {
    const { pen } = this;
    const begun = { from: at, to: at, act: this.stretch, end: this.draw };
    const region = pen.picked;
    if (!region) return begun;
    const old = box(region);
    const corner = corners(old).findIndex((one) => distance(pen.ground.toWindow(...one), at) < CORNER);
    if (corner >= 0) return { ...begun, act: this.pull, end: this.tap, region, fixed: corners(old)[3 - corner] };
    return holds(old, pen.ground.toPicture(...at)) ? { ...begun, act: this.carry, end: this.tap, region, old } : begun;
  }

  move(fingers) {
    if (!this.doing) return;
    if (this.doing.act !== this.pinch) this.doing.to = fingers[0];
    if (this.doing.act === this.pinch ? fingers.length === 2 : this.far) this.doing.act.call(this, fingers);
  }

  up(fingers) {
    const { doing } = this;
    if (fingers.length || !doing) return;
    this.doing = null;
    this.pen.rubber.hidden = true;
    doing.end?.call(this, doing);
  }

  stop() {
    this.doing = null;
    this.pen.rubber.hidden = true;
  }

  get far() {
    this.doing.went ||= distance(this.doing.from, this.doing.to) > TAP;
    return this.doing.went;
  }

  stretch() {
    const { ground } = this.pen;
    this.pen.stretch(ground.toPicture(...this.doing.from), ground.toPicture(...this.doing.to));
    this.pen.rubber.classList.add("finger");
  }

  draw(done) {
    const { pen } = this;
    if (!done.went) return this.tap(done);
    const drawn = pen.draw(pen.ground.toPicture(...done.from), pen.ground.toPicture(...done.to));
    pen.picked = null;
    pen.say(drawn ? pen.words.drawn.replace("{}", pen.boxes.length) : pen.words.small);
  }

  pull() {
    const { pen, doing } = this;
    const [x, y] = pen.ground.toPicture(...doing.to);
    const [left, top] = [Math.min(x, doing.fixed[0]), Math.min(y, doing.fixed[1])];
    pen.place(doing.region, { x: left, y: top, width: Math.abs(x - doing.fixed[0]), height: Math.abs(y - doing.fixed[1]) });
  }

  carry() {
    const { pen, doing } = this;
    const [a, b] = [pen.ground.toPicture(...doing.from), pen.ground.toPicture(...doing.to)];
    pen.place(doing.region, { ...doing.old, x: doing.old.x + b[0] - a[0], y: doing.old.y + b[1] - a[1] });
  }

  /** Pick the smallest box under the finger, or let go of the one that is picked. */
  tap(done) {
    if (done.went) return;
    const { pen } = this;
    const at = pen.ground.toPicture(...done.from);
    const under = pen.boxes.filter((one) => holds(box(one), at)).sort((a, b) => a.width * a.height - b.width * b.height);
    pen.picked = under.find((one) => one !== pen.picked) ?? null;
    if (pen.picked) pen.editor.annotation.selectArea(pen.picked);
    else pen.editor.annotation.unselectAreas();
  }

  pinch(fingers) {
    pinch(this.pen.picture, this.doing.before, fingers);
    this.doing.before = fingers;
  }
}

/** Look closer, or scroll where nothing is closer, as two fingers went. */
export function pinch(picture, before, fingers) {
  const ground = new Ground(picture);
  const [old, fresh] = [middle(before), middle(fingers)];
  const wider = distance(...fingers) / Math.max(1, distance(...before));
  const held = ground.toPicture(...old);
  const zoom = Math.min(CLOSEST, Math.max(1, picture.currentZoom * wider));
  if (zoom === 1 && picture.currentZoom === 1) return scrollBy(old[0] - fresh[0], old[1] - fresh[1]);
  picture.setZoom(zoom);
  picture.updateImageAfterZoom();
  const now = ground.toWindow(...held);
  picture.setZoomPosition(picture.zoomingPositionX + fresh[0] - now[0], picture.zoomingPositionY + fresh[1] - now[1]);
}

const corners = ({ x, y, width, height }) => [[x, y], [x + width, y], [x, y + height], [x + width, y + height]];
const holds = ({ x, y, width, height }, at) => at[0] >= x && at[0] <= x + width && at[1] >= y && at[1] <= y + height;
export const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const middle = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
