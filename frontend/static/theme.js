// The chosen theme, put on <html> before anything is painted. A classic script,
// because a module would run after the first paint and the page would flash.
{
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // Storage is switched off: the system's theme it is.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
