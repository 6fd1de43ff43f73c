// Reads a QR code with the camera: [data-scan] says where pictures are asked about, data-into which field takes the text.
// The page works without this module, by pasting or by a picture file. A frame is looked at and forgotten; what was read
// goes into the field and its form is sent, as if the person had pasted it.

import { snap } from "./panel.js";

const LONGEST = 1000; // pixels of the longer side of a frame
const QUALITY = 0.8; // of the JPEG
const PAUSE = 300; // milliseconds between an answer and the next frame

class Scanner {
  constructor(place) {
    this.words = place.dataset;
    this.place = place;
    const find = (name) => place.querySelector(`[data-${name}]`);
    [this.view, this.video, this.hint, this.start, this.stop] = ["view", "preview", "hint", "start", "stop"].map(find);
    this.field = document.getElementById(this.words.into);
    this.start.addEventListener("click", () => this.open());
    this.stop.addEventListener("click", () => { this.close(); this.say("", ""); this.start.focus(); });
    addEventListener("pagehide", () => this.close());
    place.hidden = false;
    if (navigator.mediaDevices?.getUserMedia) this.start.hidden = false;
    else this.say(this.words.absent, "refused");
  }

  say(words, state) {
    this.place.dataset.state = state;
    if (this.hint.textContent !== words) this.hint.textContent = words;
  }

  async open() {
    this.say(this.words.starting, "starting");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
      });
    } catch (error) {
      this.refused(error);
      return;
    }
    for (const track of this.stream.getTracks()) track.addEventListener("ended", () => this.refused({ name: "NotReadableError" }));
    this.video.srcObject = this.stream;
    await this.video.play().catch(() => {});
    this.view.hidden = false;
    this.start.hidden = true;
    this.stop.hidden = false;
    this.say(this.words.ready, "ready");
    this.stop.focus({ preventScroll: true });
    this.view.scrollIntoView({ block: "nearest" });
    this.look();
  }

  refused(error) {
    this.close();
    const words = { NotFoundError: this.words.absent, OverconstrainedError: this.words.absent, NotReadableError: this.words.busy };
    this.say(words[error.name] ?? this.words.refused, "refused");
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
    this.view.hidden = true;
    this.start.hidden = false;
    this.stop.hidden = true;
  }

  async look() {
    const stream = this.stream;
    const frame = await snap(this.video, LONGEST, QUALITY);
    let seen = {};
    if (frame) {
      const answer = await fetch(this.words.scan, { method: "POST", headers: { "content-type": "image/jpeg" }, body: frame }).catch(() => null);
      if (answer?.ok) seen = await answer.json();
    }
    // Closed meanwhile, or opened anew.
    if (!stream || this.stream !== stream) return;
    if (seen.link) {
      this.close();
      this.say(this.words.found, "taken");
      this.field.value = seen.link;
      this.field.form.requestSubmit();
      return;
    }
    this.say(seen.seen === "other" ? this.words.other : seen.seen === "several" ? this.words.several : this.words.ready, "ready");
    setTimeout(() => this.look(), PAUSE);
  }
}

for (const place of document.querySelectorAll("[data-scan]")) new Scanner(place);
