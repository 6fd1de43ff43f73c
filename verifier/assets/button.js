// One button for a partner's own pages: "Verify with wallet".
//
//   <script type="module" src="https://verifier.example/button.js"></script>
//   <verify-with-wallet request="/verify" lang="en"></verify-with-wallet>
//
// A click posts to `request`, an address of the partner's own server, which makes the request with its API key and answers
// with what it got: the browser goes to `page_url` there. With `return_url` in the request, the page leads back afterwards, and
// the partner's server asks for the result by the identifier that it kept. Nothing that a browser says is the result.

const WORDS = {
  en: { label: "Verify with wallet", busy: "One moment", failed: "That did not work. Try again." },
  ja: { label: "ウォレットで確認する", busy: "お待ちください", failed: "うまくいきませんでした。もう一度お試しください。" },
};

const STYLE = `
  button { font: inherit; min-height: 44px; padding: 8px 20px; border: 0; border-radius: 8px; background: #2e2a78; color: #fff; cursor: pointer }
  button:hover { background: #232060 }
  button:focus-visible { outline: 3px solid #8f8ae6; outline-offset: 2px }
  button[disabled] { opacity: .6; cursor: default }
  p { margin: 8px 0 0 }
  @media (forced-colors: active) { button { border: 1px solid ButtonText } }
`;

class VerifyWithWallet extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const words = WORDS[(this.lang || document.documentElement.lang || "en").slice(0, 2)] ?? WORDS.en;
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const button = document.createElement("button");
    button.type = "button";
    button.part = "button";
    button.textContent = this.getAttribute("label") || words.label;
    const said = document.createElement("p");
    said.setAttribute("role", "status");
    root.append(button, said);
    button.addEventListener("click", async () => {
      button.disabled = true;
      said.textContent = words.busy;
      try {
        location.assign(await this.page());
      } catch (error) {
        said.textContent = words.failed;
        button.disabled = false;
        this.dispatchEvent(new CustomEvent("failed", { detail: error, bubbles: true, composed: true }));
      }
    });
  }

  // The address of the request's page: of the verifier that this script came from, and of nobody else.
  async page() {
    const headers = { accept: "application/json" };
    const answer = await fetch(this.getAttribute("request"), { method: "POST", headers, cache: "no-store" });
    if (!answer.ok) throw new Error(`the request was answered with ${answer.status}`);
    const page = new URL((await answer.json()).page_url);
    if (page.origin !== new URL(import.meta.url).origin) throw new Error("page_url is not the verifier's");
    return page;
  }
}

customElements.get("verify-with-wallet") ?? customElements.define("verify-with-wallet", VerifyWithWallet);
