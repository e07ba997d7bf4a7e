// Chrome under LANG=C calls its language "en-US@posix", which its own Intl refuses, and uPlot with it: imported first.

try {
  void new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true });
}
