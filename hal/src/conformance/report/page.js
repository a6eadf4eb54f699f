const buttons = [...document.querySelectorAll("button[data-show]")];
const show = (verdict) => {
  buttons.forEach((button) => button.setAttribute("aria-pressed", button.dataset.show === verdict));
  document.querySelectorAll(".group").forEach((group) => {
    const checks = [...group.querySelectorAll(".check")];
    checks.forEach((check) => { check.hidden = ![check.dataset.verdict, "all"].includes(verdict); });
    group.hidden = checks.every((check) => check.hidden);
    group.open = verdict === "all" ? checks.some((check) => check.dataset.verdict === "fail") : true;
  });
};
buttons.forEach((button) => button.addEventListener("click", () => show(button.dataset.show)));
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const group = target === null ? null : target.closest("details");
  if (group !== null) { group.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", reveal);
reveal();
