// Runs before the first paint, so that a chosen theme never flashes. The page itself is the same for everybody and may
// be cached; the choice stays in the browser.

try {
  const theme = localStorage.getItem('milliner-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is switched off: the system's theme it is.
}
document.documentElement.classList.add('scripted')
