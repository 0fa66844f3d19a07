// Label Studio's editor, built for Label Studio's own pages, in ours: one picture after the other, without its buttons.
const PARTS = [502, 594, 288, 358];
const EDITOR = 41607;
const PATIENCE = 30_000; // milliseconds for a picture on a slow line
const POINT = 0.5; // percent of the picture that a mark is wide
const FRAME = 50; // milliseconds in which the editor draws a picture anew
const TOOLS = 60; // pixels that the editor's own tools take beside a picture
const MARGIN = 6; // pixels between a picture and the buttons
const SMALLEST = 120; // pixels of a picture's height on the lowest window
const BELOW = { photo: 0.3, query: 0.6 }; // share of the room, at most, for answers that stand below this picture

/** Load the editor's files from the address, which ends in a slash. */
export async function loadEditor(address) {
  window.APP_SETTINGS = { user: { id: 1 }, hostname: "", feature_flags: {}, editor_keymap: {}, debug: false };
  window.exports = () => {};
  const built = (self.webpackChunklabelstudio = []);
  await Promise.all([script(`${address}vendor.js`), script(`${address}main.js`), style(`${address}main.css`)]);
  // Its own page is not started: without their third part the chunks are only what the editor is made of.
  for (const chunk of built) chunk.length = 2;
  await script(`${address}runtime.js`);
  let require;
  self.webpackChunklabelstudio.push([["haulout"], {}, (given) => (require = given)]);
  await Promise.all(PARTS.map((part) => require.e(part)));
  require(EDITOR);
  if (typeof window.LabelStudio !== "function") throw new Error("the editor's files hold no editor");
}

export class Editor {
  /** @param {HTMLElement} host where the editor is drawn */
  constructor(host) {
    keepKeys(host);
    this.host = host;
    this.store = null;
    this.config = "";
  }

  /** Show a task: its configuration, its data, and the regions to begin with, or null to begin with none. */
  async show({ config, data, prediction }) {
    const predictions = prediction ? [{ id: 1, model_version: "haulout", result: prediction }] : [];
    const task = { id: ++Editor.shown, data, annotations: [], predictions };
    if (this.store === null) await this.open(config, task);
    else this.change(config, task);
    const all = this.store.annotationStore;
    const begun = all.predictions.length ? all.addAnnotationFromPrediction(all.predictions[0]) : all.addAnnotation({ userGenerate: true });
    all.selectAnnotation(begun.id);
    await until(() => this.pictures.length > 0 && this.pictures.every((one) => one.stageRef && one.stageWidth > 1 && one.naturalWidth > 1));
    begun.reinitHistory();
    ease(this.host);
  }

  open(config, task) {
    this.config = config;
    return new Promise((done, fail) => {
      setTimeout(() => fail(new Error("the editor does not start")), PATIENCE);
      new window.LabelStudio(this.host, {
        config,
        task,
        interfaces: [],
        user: { id: 1, pk: 1, firstName: "", lastName: "" },
        settings: { bottomSidePanel: true, continuousLabeling: true },
        onStorageInitialized: (store) => {
          this.store = store;
          setTimeout(done);
        },
      });
    });
  }

  change(config, task) {
    this.store.resetState();
    if (config !== this.config) this.store.assignConfig(config);
    this.config = config;
    this.store.assignTask(task);
    this.store.initializeStore({ annotations: [], predictions: task.predictions });
  }

  get annotation() {
    return this.store?.annotationStore?.selected ?? null;
  }

  /** The pictures of the task as the editor knows them. */
  get pictures() {
    return this.annotation ? [...this.annotation.names.values()].filter((tag) => tag.type === "image") : [];
  }

  /** All regions of a picture that are boxes. */
  boxes(picture) {
    return this.annotation ? this.annotation.regions.filter((one) => one.object === picture && one.type === "rectangleregion") : [];
  }

  /** The first question that wants an answer and has none, in the person's words, or null. */
  get missing() {
    const open = [...this.annotation.names.values()].find((tag) => tag.required && !tag.selectedValues?.().length);
    return open ? open.requiredmessage || open.name : null;
  }

  /** The answer as Label Studio stores it. */
  result() {
    return this.annotation.serializeAnnotation();
  }

  undo() {
    this.annotation?.undo();
  }

  /** The tag that draws on a picture, such as the boxes' labels. */
  control(picture, type = "rectanglelabels") {
    return [...this.annotation.names.values()].find((tag) => tag.toname === picture.name && tag.type === type);
  }

  /** Draw a box, given in percent of the picture. */
  draw(picture, { x, y, width, height }) {
    const control = this.control(picture);
    const label = control.children.find((one) => one.type === "label");
    const region = this.annotation.createResult(
      { x, y, width, height, rotation: 0, coordstype: "px", converted: true },
      { [control.resultType]: [label.alias || label.value || label._value] },
      control,
      picture,
    );
    if (!label.selected) label.toggleSelected();
    return region;
  }

  /** Put a point, given in percent of the picture. */
  point(picture, control, label, { x, y }) {
    const value = { x, y, width: POINT, coordstype: "px", converted: true };
    return this.annotation.createResult(value, { [control.resultType]: [label.alias || label.value || label._value] }, control, picture);
  }

  /** Put a point somewhere else. */
  move(region, { x, y }) {
    region.setPosition(region.object.internalToCanvasX(x), region.object.internalToCanvasY(y));
    region.notifyDrawingFinished();
  }

  /** The lines that join a region to others. */
  links(region) {
    return this.annotation.relationStore.findRelations(region);
  }

  join(one, other) {
    this.annotation.relationStore.addRelation(one, other);
  }

  /** Take away the lines that join a region to others. */
  part(region) {
    for (const link of this.links(region)) this.annotation.relationStore.deleteRelation(link);
  }

  /** Put a box somewhere else. */
  place(region, { x, y, width, height }) {
    region.setPositionInternal(x, y, width, height, 0);
    region.notifyDrawingFinished(); // so that a machine's box is known as changed
  }

  /** Take a box away. */
  remove(region) {
    region.deleteRegion();
  }
}
Editor.shown = 0;

/** Where a picture's percentages lie in the window. */
export class Ground {
  constructor(picture) {
    this.picture = picture;
  }

  get frame() {
    return this.picture.stageRef.content.getBoundingClientRect();
  }

  toWindow(x, y) {
    const { picture, frame } = this;
    const [left, top] = picture.zoomOriginalCoords([picture.internalToCanvasX(x), picture.internalToCanvasY(y)]);
    return [frame.left + left, frame.top + top];
  }

  toPicture(left, top) {
    const { picture, frame } = this;
    const [x, y] = picture.fixZoomedCoords([left - frame.left, top - frame.top]);
    return [within(picture.canvasToInternalX(x)), within(picture.canvasToInternalY(y))];
  }
}

/** Keep from the editor, which listens to the whole page, what is pressed on our own buttons and written in our fields. */
function keepKeys(host) {
  document.body.addEventListener("keydown", (event) => {
    if (host.contains(event.target)) return;
    const writes = event.target.closest("textarea, input, select, dialog");
    const presses = event.target.closest("button, a, summary") && (event.key === "Enter" || event.key === " ");
    if (writes || presses) event.stopPropagation();
  });
}

/** Mend for screen readers what the editor says wrongly: its lines are no headings, and its stars no items of a list. */
function ease(host) {
  for (const node of host.querySelectorAll("h4, .ant-rate-star")) node.setAttribute("role", "none");
}

/** Make the pictures as tall as leaves the buttons seen, and the place of one no wider than it needs. */
export async function fit(place, pictures) {
  const ratio = pictures.length === 1 && pictures[0].name === "photo" ? pictures[0].naturalWidth / pictures[0].naturalHeight : 0;
  // Lines above the picture may break anew once it is narrower.
  for (let twice = 0; twice < 2; twice += 1) {
    const tallest = room(place, pictures);
    place.style.setProperty("--tallest", `${tallest}px`);
    place.style.maxWidth = ratio ? `max(18rem, ${Math.ceil(tallest * ratio + TOOLS)}px)` : "";
    for (const picture of pictures) fill(picture);
    await new Promise((done) => setTimeout(done, FRAME));
  }
}

/** Let a picture fill its place, which the editor does of its own when it is opened only. */
function fill(picture) {
  const { offsetWidth, offsetHeight } = picture.containerRef;
  picture.onResize(offsetWidth, offsetHeight, true);
  picture.sizeToFit();
}

/** The height that one row of pictures may have. */
function room(place, pictures) {
  const frames = pictures.map((one) => one.stageRef.content.getBoundingClientRect());
  const [first, last] = [frames[0], frames[frames.length - 1]];
  const rows = last.top > first.top + 1 ? frames.length : 1;
  const between = last.bottom - first.top - (rows === 1 ? last.height : frames.reduce((sum, one) => sum + one.height, 0));
  const bar = place.parentElement.querySelector(".deskbar").offsetHeight;
  // The animal of a gallery stays at the window's top while its candidates pass by: where it lies is where its place begins.
  const gallery = pictures[0].name === "query";
  const top = gallery ? place.getBoundingClientRect().top : first.top;
  const free = innerHeight - (top + scrollY) - bar - between;
  const answers = [...place.querySelectorAll(".lsf-choices")].map((one) => one.getBoundingClientRect().bottom);
  const below = Math.min(Math.max(0, ...answers.map((bottom) => bottom - last.bottom)), free * (BELOW[pictures[0].name] ?? 0));
  const beside = gallery && place.querySelector(".lsf-choices").getBoundingClientRect().left >= last.right;
  return Math.floor(Math.max(SMALLEST, (free - (beside ? 0 : below) - MARGIN) / rows));
}

export const within = (percent) => Math.min(100, Math.max(0, percent));

export async function until(holds, patience = PATIENCE) {
  const end = performance.now() + patience;
  while (!holds()) {
    if (performance.now() > end) throw new Error("the picture does not come");
    await new Promise((done) => setTimeout(done, 40));
  }
}

function script(address) {
  return added(Object.assign(document.createElement("script"), { src: address, async: false }), address);
}

function style(address) {
  return added(Object.assign(document.createElement("link"), { rel: "stylesheet", href: address }), address);
}

function added(node, address) {
  return new Promise((done, fail) => {
    node.onload = done;
    node.onerror = () => fail(new Error(`${address} cannot be loaded`));
    // Before our own styles, which have the last word.
    document.head.prepend(node);
  });
}
