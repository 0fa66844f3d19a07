// A picture can be dropped on the field; without this script it is chosen.
const form = document.querySelector(".search-for");
if (form) {
  const field = form.querySelector("input[type=file]");
  const drop = form.querySelector(".drop");
  for (const name of ["dragover", "dragleave", "drop"])
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files.length) field.files = event.dataTransfer.files;
    });
  form.addEventListener("submit", () => {
    const said = document.getElementById("searching");
    said.textContent = said.dataset.words;
    form.querySelector("button").disabled = true;
  });
  // Back in the history the page comes as it was left.
  addEventListener("pageshow", () => {
    document.getElementById("searching").textContent = "";
    form.querySelector("button").disabled = false;
  });
}
