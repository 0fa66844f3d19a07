// Touch on the two pictures of a pair: a tap puts a mark or picks one, one finger moves it, two fingers look closer.
import { Ground } from "./editor.js";
import { distance, pinch } from "./fingers.js";

const TAP = 9; // pixels that a finger may slip and still only taps
const NEAR = 24; // pixels from a mark that pick it
const ON = { capture: true, passive: false };

export class MarkFingers {
  constructor(marks) {
    this.marks = marks;
    this.doing = null;
    const host = marks.editor.host;
    for (const [name, act] of [["touchstart", this.down], ["touchmove", this.move], ["touchend", this.up], ["touchcancel", this.up]])
      host.addEventListener(name, (event) => this.on(event, act), ON);
  }

  on(event, act) {
    const side = this.marks.sides.find((one) => one.picture.stageRef?.content?.contains(event.target));
    if (!side) return;
    event.preventDefault();
    event.stopPropagation();
    act.call(this, [...event.touches].map((one) => [one.clientX, one.clientY]), side);
    this.marks.look();
  }

  down(fingers, side) {
    const [at] = fingers;
    this.doing = { side, from: at, last: at, before: fingers, mark: fingers.length === 1 ? this.under(at, side) : null, pinched: fingers.length > 1 };
  }

  move(fingers) {
    const { doing } = this;
    if (!doing) return;
    if (fingers.length === 2 && doing.before.length === 2) pinch(doing.side.picture, doing.before, fingers);
    doing.before = fingers;
    if (fingers.length !== 1 || doing.pinched) return;
    doing.went ||= distance(doing.from, fingers[0]) > TAP;
    if (!doing.went) return;
    if (doing.mark) this.marks.place(doing.mark, new Ground(doing.side.picture).toPicture(...fingers[0]));
    else scrollBy(0, doing.last[1] - fingers[0][1]);
    doing.last = fingers[0];
  }

  up(fingers) {
    const { doing, marks } = this;
    if (fingers.length || !doing) return;
    this.doing = null;
    if (doing.went || doing.pinched) return;
    if (doing.mark && marks.joining && marks.joining.object !== doing.mark.object) marks.join(doing.mark);
    else if (doing.mark) marks.picked = doing.mark === marks.picked ? null : doing.mark;
    else if (marks.picked) marks.picked = marks.joining = null;
    else marks.picked = marks.set(doing.side, new Ground(doing.side.picture).toPicture(...doing.from));
  }

  /** The mark of this animal that is nearest to the finger and near enough. */
  under(at, side) {
    const away = (mark) => distance(new Ground(side.picture).toWindow(mark.x, mark.y), at);
    const near = this.marks.all.filter((one) => one.object === side.picture && away(one) < NEAR);
    return near.sort((a, b) => away(a) - away(b))[0] ?? null;
  }
}
