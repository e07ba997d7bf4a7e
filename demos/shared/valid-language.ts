// The language to write numbers in. Loaded before uPlot, which fails where the browser's own is no valid language tag.

function validLanguage(): string {
  try {
    return Intl.getCanonicalLocales(navigator.language)[0];
  } catch {
    // A browser started with LANG=C says "en-US@posix".
    Object.defineProperty(navigator, 'language', { value: 'en-US' });
    return 'en-US';
  }
}

/** A valid language tag. */
export const language = validLanguage();
