// Copy buttons: <button data-copy="#id" data-copied="Copied" hidden>. Hidden where the clipboard cannot be written.

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  const label = button.querySelector("span") ?? button;
  const before = label.textContent;
  let back = 0;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.querySelector(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
    } catch {
      // Not allowed to write: select the text, so that a key press copies it.
      getSelection()?.selectAllChildren(source);
      return;
    }
    label.textContent = button.dataset.copied;
    clearTimeout(back);
    back = setTimeout(() => { label.textContent = before; }, 2000);
  });
}
