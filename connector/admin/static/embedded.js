// Inside the Shopify admin no cookie counts: every request carries a session token, which App Bridge hands out for a
// minute. Links and forms go through htmx there, because a plain one could not carry it.
(() => {
  let token = "";
  document.addEventListener("htmx:confirm", (event) => {
    event.preventDefault();
    window.shopify.idToken().then((fresh) => {
      token = fresh;
      event.detail.issueRequest(true);
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
