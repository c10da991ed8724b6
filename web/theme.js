// Runs before the first paint, so that a chosen theme never flashes. The page itself is the same for everybody and may
// be cached; the choice stays in the browser.

try {
  const theme = localStorage.getItem('milliner-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is switched off: the system's theme it is.
}
document.documentElement.classList.add('scripted')

// A picture that does not arrive leaves its place empty instead of showing the browser's torn paper. Listening from the
// start, in the capture phase, because these events do not bubble and the first may come before any other script.
const mark = (broken) => (event) => {
  if (!(event.target instanceof HTMLImageElement)) return
  event.target.classList.toggle('broken', broken)
  event.target.classList.toggle('arrived', !broken)
}
addEventListener('error', mark(true), true)
addEventListener('load', mark(false), true)
