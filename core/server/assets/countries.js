// Lists of countries say their names in the language of the page; without this they say the two letters of ISO 3166-1.

const language = document.documentElement.lang || "en";

for (const list of document.querySelectorAll("select[data-countries]")) {
  const names = new Intl.DisplayNames([language], { type: "region", fallback: "code" });
  const chosen = list.value;
  const countries = [...list.options].filter((option) => option.value);
  for (const option of countries) option.text = names.of(option.value);
  countries.sort((a, b) => a.text.localeCompare(b.text, language));
  list.append(...countries);
  list.value = chosen;
}
