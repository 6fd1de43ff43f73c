// Faces: form.camera[data-challenge]. Live hints, a shutter that releases itself when the picture is good, and a short
// recording for a challenge of whoever judges it: every frame carries the nonce of the prompt that was on the screen.
//
// Two sources of hints: light and stillness from every frame, here; place and pose of the face from a small picture a few
// times a second, measured at `data-look` and thrown away there. Nothing here is trusted: the frames are judged again.

import { Panel, Watcher, snap } from "./panel.js";

const LOOK = { longest: 480, quality: 0.7, pause: 200 }; // ms between two looks
const FRAME = { longest: 720, quality: 0.88, pause: 120 }; // ms between two frames
const STEADY = 3; // good looks until the shutter releases itself
const STRAIGHT = 900; // ms of looking straight ahead
const SETTLED = 350; // ms until screen and camera show a new colour
const COLOUR = 700; // ms of one colour: fewer than two changes a second
const PATIENCE = 5000; // ms for one movement: three of them, with their frames, are what a judge takes
const LEAST = 1200; // ms for one movement

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

class Capture extends Panel {
  constructor(form) {
    super(form);
    this.said = JSON.parse(form.dataset.words);
    this.details = form.querySelector("[data-recording]");
    this.veil = form.querySelector("[data-veil]");
  }

  // Hints while the person finds their place.
  watch() {
    this.round = (this.round ?? 0) + 1;
    const round = this.round;
    const current = () => this.stream && this.round === round;
    const watcher = new Watcher(this.video);
    let wrong = null;
    let frames = 0;
    let first = null;
    const look = () => {
      if (!current()) return;
      wrong = this.wrong(watcher.look());
      // Frames a second since the first one, for whoever wonders how fast this device is.
      const now = performance.now();
      first ??= now;
      if (frames > 0) this.form.dataset.fps = Math.round((frames * 1000) / (now - first));
      frames += 1;
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(look);
      else requestAnimationFrame(look);
    };
    look();
    this.frameUp(current, () => wrong);
  }

  async frameUp(current, wrong) {
    let good = 0;
    while (current()) {
      const begun = performance.now();
      const seen = await this.look();
      if (!current()) return;
      const hint = wrong() ?? (seen ? this.said[seen.hint] : null);
      good = seen && !hint ? good + 1 : 0;
      this.hintAt(hint ?? this.words.ready, hint ? "poor" : "good");
      this.progress(good / STEADY);
      if (good >= STEADY) {
        await this.take();
        return;
      }
      await sleep(Math.max(0, LOOK.pause - (performance.now() - begun)));
    }
  }

  // Measures a small picture. Without an answer there is no hint, and the button is still there.
  async look(question = "") {
    const small = await snap(this.video, LOOK.longest, LOOK.quality);
    if (!small) return null;
    const answer = await fetch(this.words.look + question, { method: "POST", headers: { "content-type": "image/jpeg" }, body: small })
      .catch(() => null);
    return answer?.ok ? answer.json() : null;
  }

  // The ring around the frame, from 0 to 1.
  progress(share) {
    this.frame.style.setProperty("--progress", Math.min(1, share));
  }

  async take() {
    if (this.recording || !this.stream) return;
    this.recording = true;
    this.round += 1;
    this.buttons();
    this.progress(0);
    try {
      await this.record();
    } catch {
      this.close();
      this.say(this.words.failed, "refused");
      this.buttons(this.start);
    } finally {
      this.recording = false;
      this.veil.hidden = true;
    }
  }

  async record() {
    const answer = await fetch(this.words.challenge, { method: "POST" });
    if (!answer.ok) throw new Error("no challenge");
    const { prompts } = await answer.json();
    const camera = this.stream.getVideoTracks()[0]?.label ?? "";
    const film = { begun: performance.now(), frames: [], blobs: [] };
    this.rest = null;
    for (const [at, prompt] of prompts.entries()) {
      this.say(this.said[prompt.task] ?? this.said.hold_still, "recording");
      this.progress(at / prompts.length);
      if (prompt.colour) await this.shine(prompt, film);
      else if (prompt.movement) await this.move(prompt, film);
      else await this.straight(prompt, film);
      if (!this.stream) return;
    }
    this.progress(1);
    this.details.value = JSON.stringify({ camera, frames: film.frames });
    this.taken(film.blobs);
  }

  // Takes frames under one prompt until it is over.
  async film(prompt, film, over) {
    while (this.stream && !over()) {
      const begun = performance.now();
      const blob = await snap(this.video, FRAME.longest, FRAME.quality);
      if (blob) {
        film.frames.push({ nonce: prompt.nonce, at_ms: Math.round(begun - film.begun) });
        film.blobs.push(blob);
      }
      await sleep(Math.max(0, FRAME.pause - (performance.now() - begun)));
    }
  }

  async straight(prompt, film) {
    const until = performance.now() + STRAIGHT;
    const looking = this.look().then((seen) => { if (seen?.size) this.rest = seen; });
    await this.film(prompt, film, () => performance.now() >= until);
    await looking;
  }

  // A movement is over when it was seen there and back, or when patience ends: then the judge will say so.
  async move(prompt, film) {
    const begun = performance.now();
    let there = false;
    let back = false;
    const time = () => performance.now() - begun;
    const over = () => time() >= PATIENCE || (back && time() >= LEAST);
    const watching = (async () => {
      while (this.stream && this.rest && !over()) {
        const { yaw, pitch, open, size } = this.rest;
        const seen = await this.look(`?task=${prompt.task}&rest=${[yaw, pitch, open, size].join()}`);
        if (seen?.progress >= 1) {
          there = true;
          this.say(this.said.and_back, "recording");
        } else if (there && seen?.progress <= 0.4) back = true;
      }
    })();
    await this.film(prompt, film, over);
    await watching;
  }

  async shine(prompt, film) {
    this.veil.hidden = false;
    this.veil.style.backgroundColor = prompt.colour;
    await sleep(SETTLED);
    const until = performance.now() + COLOUR - SETTLED;
    await this.film(prompt, film, () => performance.now() >= until);
  }

  chosen() {
    this.details.value = "";
    super.chosen();
  }

  forget() {
    this.details.value = "";
    super.forget();
  }
}

for (const form of document.querySelectorAll("form[data-challenge]")) new Capture(form);
