// Live regions and countdowns.
//
// An element with data-poll="/address" asks that address every two seconds (data-every, in ms) and takes JSON:
//   state  "waiting", "active", "done" or "failed"; becomes data-state of the element
//   text   what to say in [data-poll-words], spoken by screen readers when it changes
//   next   where to go now, on this origin
// "done" and "failed" end the asking. With data-events="/address" the same objects come by server-sent events.
//
// <time data-countdown datetime="..."> counts down to zero; then its element with data-over says that, and the live
// element around it becomes data-state="over" and stops asking.

const SLOWEST = 15000;

function show(root, update) {
  if (typeof update.state === "string") root.dataset.state = update.state;
  const words = root.querySelector("[data-poll-words]");
  if (words && typeof update.text === "string" && words.textContent !== update.text) words.textContent = update.text;
  if (typeof update.next === "string") {
    const next = new URL(update.next, location.href);
    if (next.origin === location.origin) location.assign(next);
  }
}

const ended = (root) => ["done", "failed", "over"].includes(root.dataset.state);

async function poll(root) {
  const every = Number(root.dataset.every) || 2000;
  let wait = every;
  while (!ended(root)) {
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    if (document.hidden) {
      await new Promise((resolve) => { document.addEventListener("visibilitychange", resolve, { once: true }); });
    }
    if (ended(root)) return;
    try {
      const answer = await fetch(root.dataset.poll, { headers: { accept: "application/json" }, cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      show(root, await answer.json());
      wait = every;
    } catch {
      // The network or the server is away: ask less often, and go on when it is back.
      wait = Math.min(wait * 2, SLOWEST);
    }
  }
}

function listen(root) {
  const events = new EventSource(root.dataset.events);
  events.addEventListener("message", (event) => {
    show(root, JSON.parse(event.data));
    if (ended(root)) events.close();
  });
}

function count(time) {
  const end = Date.parse(time.dateTime);
  const line = time.closest("[data-over]");
  const root = time.closest("[data-poll], [data-events], .qr-panel");
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    if (left === 0) {
      if (line) line.textContent = line.dataset.over;
      if (root && !ended(root)) root.dataset.state = "over";
      return;
    }
    const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
    const two = (number) => String(number).padStart(2, "0");
    time.textContent = hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
    line?.classList.toggle("soon", left <= 30);
    setTimeout(tick, 1000 - (Date.now() % 1000));
  };
  if (Number.isFinite(end)) tick();
}

document.querySelectorAll("[data-countdown]").forEach(count);
document.querySelectorAll("[data-poll]").forEach(poll);
document.querySelectorAll("[data-events]").forEach(listen);
