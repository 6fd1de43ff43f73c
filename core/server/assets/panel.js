// The camera panel: form.camera[data-camera]. The form works without this module, with its file field alone; here it
// gains a preview, hints, a shutter, and "Use it / Take again". The picture goes into the same file field and is sent
// as the same form. The preview of a selfie is mirrored, its data is not. A frame that was not used is not kept.
//
// camera.js uses it as it is, for documents; capture.js takes several frames of a face.

const LONGEST = 2400; // pixels of the longer side of what is sent
const QUALITY = 0.92; // of the JPEG

// What the camera shows now, as a JPEG, no side longer than `longest`.
export async function snap(video, longest, quality) {
  const { videoWidth: width, videoHeight: height } = video;
  if (!width) return null;
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", quality); });
  canvas.width = 0;
  return blob;
}

// A small picture of the camera, again and again, for numbers: its light, and how it differs from the last one.
export class Watcher {
  constructor(video) {
    this.video = video;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [64, 48];
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.before = null;
  }

  // Mean grey level in the middle of the picture, where the face or the page is, and mean change a pixel.
  look() {
    this.context.drawImage(this.video, 0, 0, 64, 48);
    const { data } = this.context.getImageData(0, 0, 64, 48);
    const light = new Float32Array(64 * 48);
    let sum = 0;
    let moved = 0;
    for (let y = 0; y < 48; y++) {
      for (let x = 0; x < 64; x++) {
        const i = y * 64 + x;
        light[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
        if (x >= 16 && x < 48 && y >= 8 && y < 40) sum += light[i];
        if (this.before) moved += Math.abs(light[i] - this.before[i]);
      }
    }
    this.before = light;
    return { light: sum / (32 * 32), motion: moved / light.length };
  }
}

export class Panel {
  constructor(form) {
    this.form = form;
    this.words = form.dataset;
    this.find = (name) => form.querySelector(`[data-${name}]`);
    [this.view, this.video, this.picture, this.hint, this.file] =
      ["view", "preview", "picture", "hint", "file"].map(this.find);
    [this.start, this.shutter, this.send, this.again] = ["start", "shutter", "send", "again"].map(this.find);
    this.input = form.querySelector("input[type=file]");
    this.frame = form.querySelector(".camera-frame");

    this.start.addEventListener("click", () => this.open());
    this.shutter.addEventListener("click", () => this.take());
    this.again.addEventListener("click", () => { this.forget(); this.open(); });
    this.input.addEventListener("change", () => this.chosen());
    form.addEventListener("submit", () => this.sending());
    addEventListener("pagehide", () => this.close());
    // Back from the next page: the picture that was sent is gone from here.
    addEventListener("pageshow", (event) => { if (event.persisted) this.forget(); });

    this.upload = !this.file.hidden;
    this.able = Boolean(navigator.mediaDevices?.getUserMedia);
    this.idle();
  }

  // Which buttons are there. The others are hidden.
  buttons(...shown) {
    for (const button of [this.start, this.shutter, this.send, this.again]) button.hidden = !shown.includes(button);
  }

  // Tells the page around the form (embed.js) what happened, and nothing of what is seen.
  tell(what) {
    this.form.dispatchEvent(new CustomEvent(`warifu:${what}`, { bubbles: true }));
  }

  say(words, state) {
    this.form.dataset.state = state;
    if (this.hint.textContent !== words) this.hint.textContent = words;
  }

  idle() {
    this.view.hidden = true;
    this.file.hidden = !this.upload;
    if (!this.able) this.say(this.words.absent, "refused");
    this.buttons(...(this.able ? [this.start] : []), ...(this.input.files.length ? [this.send] : []));
  }

  async open() {
    this.say(this.words.starting, "starting");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: { ideal: this.words.camera }, width: { ideal: 1920 }, height: { ideal: 1440 } },
      });
    } catch (error) {
      this.refused(error);
      return;
    }
    for (const track of this.stream.getTracks()) track.addEventListener("ended", () => this.refused({ name: "NotReadableError" }));
    this.video.srcObject = this.stream;
    await this.video.play().catch(() => {});
    this.view.hidden = false;
    this.video.hidden = false;
    this.picture.hidden = true;
    this.frame.toggleAttribute("hidden", false);
    this.file.hidden = true;
    this.buttons(this.shutter);
    this.say(this.words.ready, "ready");
    this.tell("media-started");
    this.shutter.focus({ preventScroll: true });
    this.view.scrollIntoView({ block: "nearest" });
    this.watch();
  }

  refused(error) {
    this.close();
    this.view.hidden = true;
    this.file.hidden = !this.upload;
    const words = { NotFoundError: this.words.absent, OverconstrainedError: this.words.absent, NotReadableError: this.words.busy };
    this.say(words[error.name] ?? this.words.refused, "refused");
    this.tell("media-refused");
    this.buttons(this.start);
  }

  // What is wrong with light or stillness, in words, or nothing.
  wrong({ light, motion }) {
    return light < 45 ? this.words.dark : light > 225 ? this.words.bright : motion > 18 ? this.words.still : null;
  }

  // Says a hint, at most every two seconds, so that a screen reader can follow.
  hintAt(words, state) {
    if (words === this.hint.textContent) this.form.dataset.state = state;
    else if (Date.now() - (this.spoken ?? 0) >= 2000) {
      this.spoken = Date.now();
      this.say(words, state);
    }
  }

  // Light and stillness, four times a second.
  watch() {
    const watcher = new Watcher(this.video);
    const look = () => {
      if (!this.stream) return;
      const wrong = this.wrong(watcher.look());
      this.hintAt(wrong ?? this.words.ready, wrong ? "poor" : "good");
      setTimeout(look, 250);
    };
    look();
  }

  async take() {
    this.shutter.disabled = true;
    const blob = await snap(this.video, LONGEST, QUALITY);
    this.shutter.disabled = false;
    if (blob) this.taken([blob]);
  }

  // Puts what was taken into the form and shows the first of it.
  taken(blobs) {
    const files = new DataTransfer();
    blobs.forEach((blob, at) => files.items.add(new File([blob], `camera-${at}.jpg`, { type: "image/jpeg" })));
    this.input.files = files.files;
    this.close();
    this.show();
    this.tell("media-captured");
    this.file.hidden = true;
    this.send.focus({ preventScroll: true });
  }

  // A file was picked: show it in the same place as a captured picture.
  chosen() {
    this.close();
    if (this.input.files.length) {
      this.show();
      this.tell("file-chosen");
    } else this.forget();
  }

  show() {
    URL.revokeObjectURL(this.picture.src);
    this.picture.src = URL.createObjectURL(this.input.files[0]);
    this.picture.hidden = false;
    this.video.hidden = true;
    this.frame.toggleAttribute("hidden", true);
    this.view.hidden = false;
    this.say(this.words.taken, "taken");
    this.buttons(this.send, ...(this.able ? [this.again] : []));
    this.view.scrollIntoView({ block: "nearest" });
  }

  forget() {
    this.input.value = "";
    URL.revokeObjectURL(this.picture.src);
    this.picture.removeAttribute("src");
    this.picture.hidden = true;
    this.send.disabled = false;
    this.say("", "idle");
    this.idle();
  }

  sending() {
    this.close();
    this.send.disabled = true;
    this.again.hidden = true;
    this.say(this.words.sending, "sending");
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }
}
