// The Digital Credentials API, where the browser has it.
//
// An element with data-digital="/address" stays hidden unless the browser can ask wallets. Its button fetches the data of
// the request from that address, asks, and posts the browser's answer to the address with "/response" behind it; the page
// goes on where that says. What goes wrong is said in [data-digital-words]. The words stand in the element:
// data-nothing (no wallet answered), data-failed (the answer was not taken).

const PROTOCOLS = ["openid4vp-v1-signed", "openid4vp-v1-multisigned", "openid4vp-v1-unsigned"];

const supported = () => typeof window.DigitalCredential === "function" && typeof navigator.credentials?.get === "function";

function allowed() {
  const ask = window.DigitalCredential.userAgentAllowsProtocol;
  return typeof ask === "function" ? PROTOCOLS.filter((name) => ask.call(window.DigitalCredential, name)) : PROTOCOLS;
}

async function post(address, body) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body), cache: "no-store" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

async function ask(root, say) {
  let credential;
  try {
    const { requests } = await post(root.dataset.digital, { protocols: allowed() });
    credential = await navigator.credentials.get({ mediation: "required", digital: { requests } });
  } catch {
    say(root.dataset.nothing);
    return;
  }
  try {
    const { protocol, data } = credential;
    const { next } = await post(`${root.dataset.digital}/response${location.search}`, { protocol, data });
    const target = new URL(next, location.href);
    if (target.origin === location.origin) location.assign(target);
  } catch {
    say(root.dataset.failed);
  }
}

for (const root of document.querySelectorAll("[data-digital]")) {
  if (!supported()) continue;
  root.hidden = false;
  const button = root.querySelector("button");
  const words = root.querySelector("[data-digital-words]");
  button.addEventListener("click", async () => {
    button.disabled = true;
    await ask(root, (text) => { words.textContent = text ?? ""; });
    button.disabled = false;
  });
}
