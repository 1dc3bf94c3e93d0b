// Everything works without this script; with it, files can be dragged, and a page tells how far they are.
"use strict";
(() => {
  const form = document.getElementById("drop");
  const list = document.getElementById("dropping");
  if (!form || !list) return;
  const area = form.closest("section");
  const token = document.body.dataset.token;
  let waiting = Promise.resolve();

  const told = (file) => {
    const item = list.appendChild(document.createElement("li"));
    const name = item.appendChild(document.createElement("span"));
    name.textContent = file.name;
    const text = item.appendChild(document.createElement("span"));
    text.className = "meaning";
    text.textContent = "waits";
    const bar = item.appendChild(document.createElement("progress"));
    bar.max = 1;
    bar.setAttribute("aria-label", `${file.name}: how much is here`);
    return { item, name, text, bar };
  };

  const result = (shown, files) => {
    shown.item.textContent = "";
    for (const each of files) {
      const line = shown.item.appendChild(document.createElement("p"));
      const name = line.appendChild(document.createElement(each.address ? "a" : "span"));
      name.textContent = each.name;
      if (each.address) name.href = each.address;
      const text = line.appendChild(document.createElement("span"));
      text.className = "meaning";
      text.textContent = each.text;
    }
  };

  const send = (file, shown) => new Promise((done) => {
    const request = new XMLHttpRequest();
    const feed = document.getElementById("feed").value;
    const where = new URLSearchParams({ name: file.name, ...(feed && { feed }) });
    request.open("PUT", `/upload?${where}`);
    request.setRequestHeader("X-Billferry-Token", token);
    request.responseType = "json";
    shown.text.textContent = "on its way";
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) shown.bar.value = event.loaded / event.total;
    };
    const failed = (why) => {
      shown.bar.remove();
      shown.text.textContent = `not taken in: ${why}`;
      done(null);
    };
    request.onerror = () => failed("the connection was lost; drop it again");
    request.onload = () => {
      const files = request.response && request.response.files;
      if (!files) return failed("open this page again, then drop it once more");
      result(shown, files);
      return done(files);
    };
    request.send(file);
  });

  const take = (files) => {
    // A control file comes first, so that it is here when its file is checked.
    const sorted = [...files].sort((a, b) => b.name.endsWith(".ctl") - a.name.endsWith(".ctl"));
    const shown = sorted.map(told);
    waiting = sorted.reduce((before, file, number) => before.then(async (all) => {
      const found = await send(file, shown[number]);
      return found ? [...all, ...found] : [...all, null];
    }), waiting.then(() => [])).then((all) => {
      if (all.length === 1 && all[0] && all[0].address && !all[0].is_known) window.location.href = all[0].address;
    });
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take(document.getElementById("files").files);
    form.reset();
  });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) area.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files);
  });
})();

// A file that a run works on: its figures as they change.
(() => {
  for (const area of document.querySelectorAll("[data-progress]")) {
    const source = new EventSource(area.dataset.progress);
    const [title, bar, list] = ["h3", "progress", "ul"].map((name) => area.querySelector(name));
    source.addEventListener("progress", (event) => {
      const told = JSON.parse(event.data);
      title.textContent = told.title;
      if (told.total !== null) {
        bar.max = told.total;
        bar.value = told.done;
      }
      list.replaceChildren(...told.lines.map((text) => {
        const line = document.createElement("li");
        line.textContent = text;
        return line;
      }));
    });
    source.addEventListener("end", () => {
      source.close();
      title.textContent = "No run works on it any more";
      const dropping = document.getElementById("dropping");
      if (!dropping || !dropping.childElementCount) window.location.reload();
    });
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(() => window.location.reload(), 10000);
    };
  }
})();

// A page that waits for a preview or a run: asked for again, and opened again once that has come.
(() => {
  const waiting = document.querySelector("[data-again]");
  if (!waiting) return;
  const again = async () => {
    try {
      const answer = document.hidden ? null : await fetch(window.location.href);
      if (answer && answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const now = page.querySelector("[data-again]");
        if (!now || now.dataset.again !== waiting.dataset.again) return window.location.reload();
        if (now.textContent !== waiting.textContent) waiting.replaceChildren(...now.childNodes);
      }
    } catch {
      // offline, or the server starts again: the next time may do
    }
    return setTimeout(again, waiting.dataset.again * 1000);
  };
  setTimeout(again, waiting.dataset.again * 1000);
})();

// A record that is being corrected is checked as one types, by the same form as without this script.
(() => {
  const form = document.getElementById("correct");
  if (!form) return;
  let timer = 0;
  let asked = null;

  const check = async () => {
    if (asked) asked.abort();
    asked = new AbortController();
    let page = null;
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: new URLSearchParams(new FormData(form)), signal: asked.signal,
      });
      if (!answer.ok) return;
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch {
      return; // typed on, or offline: the next change asks again, and so does the button
    }
    for (const told of document.querySelectorAll("#outcome, [id^='told-']")) {
      const now = page.getElementById(told.id);
      if (now && now.textContent !== told.textContent) told.replaceChildren(...now.childNodes);
    }
    for (const cell of form.querySelectorAll(".mend [id^='c']")) {
      const now = page.getElementById(cell.id);
      for (const name of ["aria-invalid", "aria-describedby"]) {
        const value = now && now.getAttribute(name);
        if (value) cell.setAttribute(name, value);
        else cell.removeAttribute(name);
      }
    }
  };

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(check, 400);
  });
})();
