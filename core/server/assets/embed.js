// Events for the page that embeds this one, or that opened it: [data-embed] holds, as JSON,
//   origins  who may hear; nobody else does, and nothing is ever sent to "*"
//   session, status, step, node, done (steps that are behind), last (whether this step is the last one), over, error
// Each event is {type, data, timestamp}; data holds sessionId, status, step and nodeId, and never anything about the person.
//
// What was told already is remembered for as long as the window is there, since every step is a page of its own.

const root = document.querySelector("[data-embed]");
const listener = window.parent !== window ? window.parent : window.opener;

function origins(allowed) {
  // The browser says who is around us, or where we came from; where it does not, each of them is tried.
  const around = window.parent !== window ? location.ancestorOrigins?.[0] : null;
  if (around) return allowed.filter((origin) => origin === around);
  try {
    const from = new URL(document.referrer).origin;
    if (allowed.includes(from)) return [from];
  } catch {
    // There is no referrer.
  }
  return allowed;
}

class Teller {
  constructor(facts) {
    this.facts = facts;
    this.to = origins(facts.origins);
    this.key = `warifu-embed-${facts.session}`;
    this.told = { done: [] };
    try {
      this.told = JSON.parse(sessionStorage.getItem(this.key)) ?? this.told;
    } catch {
      // No storage here: some events are told again with every page.
    }
  }

  remember() {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.told));
    } catch {
      // As above.
    }
  }

  tell(type, more = {}) {
    const { session, status, step, node } = this.facts;
    const data = { sessionId: session, status, step: step ?? null, nodeId: node ?? null, ...more };
    for (const origin of this.to) listener.postMessage({ type: `didit:${type}`, data, timestamp: Date.now() }, origin);
  }

  // What is new since the page before.
  arrived() {
    const { facts, told } = this;
    const once = (name) => !told[name] && (told[name] = true);
    if (once("ready")) this.tell("ready");
    if (facts.error) this.tell("error", { error: facts.error });
    if (facts.step && once("started")) this.tell("started");
    for (const step of facts.done) {
      if (told.done.includes(step)) continue;
      told.done.push(step);
      this.tell("step_completed", { step });
    }
    if (facts.step && facts.step !== told.step) {
      if (told.step) this.tell("step_changed");
      this.tell("step_started");
      told.done = told.done.filter((step) => step !== facts.step);
      told.step = facts.step;
    }
    if (facts.status) {
      if (told.status && told.status !== facts.status) this.tell("status_updated");
      told.status = facts.status;
    }
    if (facts.over && told.completed !== facts.status) {
      told.completed = facts.status;
      this.tell("completed");
    }
    this.remember();
  }

  listen() {
    const on = (event, act) => { document.addEventListener(event, act); };
    on("warifu:media-started", () => this.tell("media_started"));
    on("warifu:media-captured", () => this.tell("media_captured"));
    on("warifu:media-refused", () => this.tell("error", { error: "cameraAccessDenied" }));
    on("warifu:file-chosen", () => { if (this.facts.step?.startsWith("document")) this.tell("document_selected"); });
    on("submit", (event) => { if (this.facts.last && event.target.matches("[data-camera]")) this.tell("verification_submitted"); });
    const stop = document.querySelector("[data-embed-stop]");
    stop?.addEventListener("click", () => {
      this.tell("cancelled");
      this.tell("close_request");
    });
    document.querySelector("[data-embed-close]")?.addEventListener("click", () => this.tell("close_request"));
    for (const control of document.querySelectorAll("[data-embed-only]")) control.hidden = false;
  }
}

if (root && listener) {
  const teller = new Teller(JSON.parse(root.dataset.embed));
  teller.arrived();
  teller.listen();
  // In a frame the browser does not move the focus by itself; where the reader is in this frame already, it follows.
  if (window.parent !== window && document.hasFocus()) document.querySelector("h1[tabindex]")?.focus();
}
