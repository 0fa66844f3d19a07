// Arrow keys lead to the photos before and after, digits switch layers, zooming keeps the middle; the page works without.
const viewer = document.querySelector(".viewer");
const stage = viewer.querySelector(".stage");
const switches = [...viewer.querySelectorAll("[aria-keyshortcuts]")];
const middle = { x: 0.5, y: 0.5 };

for (const hint of viewer.querySelectorAll("[hidden]")) hint.hidden = false;

// What was ticked on one photo stays so on the next.
const ticked = JSON.parse(sessionStorage.getItem("layers") ?? "{}");
for (const one of switches) one.checked = ticked[one.id] ?? one.checked;
viewer.addEventListener("change", (event) => {
  if (event.target.name === "zoom") keepMiddle();
  else sessionStorage.setItem("layers", JSON.stringify({ ...ticked, ...Object.fromEntries(switches.map((one) => [one.id, one.checked])) }));
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") turn(event);
  // A lone digit means something only here, so that those who dictate do not switch layers by talking.
  else if (viewer.contains(document.activeElement)) switches.find((one) => one.ariaKeyShortcuts === event.key || one.getAttribute("aria-keyshortcuts") === event.key)?.click();
});

function turn(event) {
  const scrolls = document.activeElement === stage && stage.scrollWidth > stage.clientWidth;
  if (scrolls || event.target.closest("input[type=radio], select, textarea")) return;
  const link = document.querySelector(`a[rel=${event.key === "ArrowLeft" ? "prev" : "next"}]`);
  if (!link) return;
  event.preventDefault();
  location.href = `${link.href}#stage`;
}

stage.addEventListener("scroll", () => {
  middle.x = (stage.scrollLeft + stage.clientWidth / 2) / stage.scrollWidth;
  middle.y = (stage.scrollTop + stage.clientHeight / 2) / stage.scrollHeight;
});

function keepMiddle() {
  const { x, y } = middle;
  stage.scrollTo(x * stage.scrollWidth - stage.clientWidth / 2, y * stage.scrollHeight - stage.clientHeight / 2);
}
