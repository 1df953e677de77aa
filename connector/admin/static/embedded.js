// Inside the Shopify admin no cookie counts: every request carries a session token, which App Bridge hands out for a
// minute. Links and forms go through htmx there, because a plain one could not carry it.
(() => {
  let token = "";

  // What htmx asks for becomes a part of the page; a file (data-file) is asked for here and kept as what it is.
  const save = async (address, method, body) => {
    const headers = { Authorization: `Bearer ${await window.shopify.idToken()}` };
    const answer = await fetch(address, { method, body, headers });
    const [, name] = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition")) ?? [];
    if (!name) {
      window.htmx.swap(document.body, await answer.text(), { swapStyle: "innerHTML", swapDelay: 0, settleDelay: 0 });
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = name;
    link.click();
    // The browser still reads it after the click.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  document.addEventListener("htmx:confirm", (event) => {
    event.preventDefault();
    const { elt, path, verb, issueRequest } = event.detail;
    if ("file" in elt.dataset) {
      save(path, verb.toUpperCase(), elt instanceof HTMLFormElement ? new URLSearchParams(new FormData(elt)) : undefined);
      return;
    }
    window.shopify.idToken().then((fresh) => {
      token = fresh;
      issueRequest(true);
    });
  });
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers.Authorization = `Bearer ${token}`;
  });
  // A refusal is a page too.
  document.addEventListener("htmx:beforeSwap", (event) => {
    event.detail.shouldSwap = true;
  });
})();
