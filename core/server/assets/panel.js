// The camera panel: form.camera[data-camera]. The form works without this module, with its file field alone; here it
// gains a preview, hints, a shutter, and "Use it / Take again". The picture goes into the same file field and is sent
// as the same form. The preview of a selfie is mirrored, its data is not. A frame that was not used is not kept.

const LONGEST = 2400; // pixels of the longer side of what is sent
const QUALITY = 0.92; // of the JPEG

class Panel {
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
    this.buttons(this.start);
  }

  // Light and stillness, four times a second; spoken at most every two seconds.
  watch() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [64, 48];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    let before = null;
    let spoken = 0;
    const look = () => {
      if (!this.stream) return;
      context.drawImage(this.video, 0, 0, 64, 48);
      const { data } = context.getImageData(0, 0, 64, 48);
      const light = new Float32Array(64 * 48);
      let sum = 0;
      let moved = 0;
      for (let i = 0; i < light.length; i++) {
        light[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
        sum += light[i];
        if (before) moved += Math.abs(light[i] - before[i]);
      }
      before = light;
      const mean = sum / light.length;
      const motion = moved / light.length;
      const [words, state] =
        mean < 45 ? [this.words.dark, "poor"] :
        mean > 225 ? [this.words.bright, "poor"] :
        motion > 18 ? [this.words.still, "poor"] :
        [this.words.ready, "good"];
      if (words === this.hint.textContent) this.form.dataset.state = state;
      else if (Date.now() - spoken >= 2000) {
        spoken = Date.now();
        this.say(words, state);
      }
      setTimeout(look, 250);
    };
    look();
  }

  async take() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return;
    this.shutter.disabled = true;
    const scale = Math.min(1, LONGEST / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
    canvas.width = 0;
    this.shutter.disabled = false;
    if (!blob) return;
    const files = new DataTransfer();
    files.items.add(new File([blob], "camera.jpg", { type: "image/jpeg" }));
    this.input.files = files.files;
    this.close();
    this.show();
    this.file.hidden = true;
    this.send.focus({ preventScroll: true });
  }

  // A file was picked: show it in the same place as a captured picture.
  chosen() {
    this.close();
    if (this.input.files.length) this.show();
    else this.forget();
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

for (const form of document.querySelectorAll("form[data-camera]")) new Panel(form);
