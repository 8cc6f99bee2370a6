/** Tabs as the ARIA practices have them: arrows move, Home and End go to the ends. */

/** Make tabs of a tablist; `shown` is called with the id of each tab that is turned to. */
export function makeTabs(tablist, shown) {
  const tabs = [...tablist.querySelectorAll('[role="tab"]')];
  const turnTo = (tab) => {
    for (const each of tabs) {
      const isShown = each === tab;
      each.setAttribute("aria-selected", String(isShown));
      each.tabIndex = isShown ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = !isShown;
    }
    shown(tab.id);
  };
  tablist.addEventListener("click", (event) => {
    const tab = event.target.closest('[role="tab"]');
    if (tab) turnTo(tab);
  });
  tablist.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = tabs[(to + tabs.length) % tabs.length];
    tab.focus();
    turnTo(tab);
  });
}
