// Fetches the state of the run again and again, without moving the reader's focus; the page works without this too.
const place = document.getElementById("run");

async function refresh() {
  try {
    const answer = await fetch(place.dataset.source);
    if (answer.ok) place.innerHTML = await answer.text();
  } catch {
    // The pages may be restarting: the next look tells.
  }
  const run = place.querySelector(".run");
  if (run && run.dataset.state === "running") setTimeout(refresh, 3000);
  else location.reload();
}

setTimeout(refresh, 3000);
