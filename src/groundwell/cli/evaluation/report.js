const list = document.getElementById("queries");
const wanted = document.getElementById("wanted");
const order = document.getElementById("order");
const count = document.getElementById("count");
const entries = Array.from(list.children);

function show() {
  const words = wanted.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const entry of entries) {
    const fits = words.every((word) => entry.textContent.toLowerCase().includes(word));
    entry.hidden = !fits;
    shown += fits;
  }
  count.textContent = `${shown} of ${entries.length}`;
}

function sort() {
  const key = order.value;
  entries.sort((a, b) => Number(a.dataset[key]) - Number(b.dataset[key]));
  list.append(...entries);
}

wanted.addEventListener("input", show);
order.addEventListener("change", sort);
show();
