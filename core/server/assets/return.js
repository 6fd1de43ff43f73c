// The way back: [data-return="seconds"] with a link and a button [data-stay]. After those seconds the page goes where the
// link leads, unless the reader says to stay. Inside a frame nothing goes by itself: the page around it decides.

for (const root of document.querySelectorAll("[data-return]")) {
  const link = root.querySelector("a");
  const stay = root.querySelector("[data-stay]");
  const line = root.querySelector("[data-return-words]");
  if (window.parent !== window) continue;
  line.textContent = line.dataset.soon;
  stay.hidden = false;
  const going = setTimeout(() => { location.assign(link.href); }, Number(root.dataset.return) * 1000);
  stay.addEventListener("click", () => {
    clearTimeout(going);
    line.textContent = line.dataset.stayed;
    stay.hidden = true;
    link.focus();
  });
}
