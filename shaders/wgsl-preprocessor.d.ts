// Types for wgsl-preprocessor, which ships none.

declare module 'wgsl-preprocessor/wgsl-preprocessor.js' {
  /**
   * Template tag for WGSL: interpolates values, and resolves `#if ${condition}`, `#elif ${condition}`, `#else`, `#endif`.
   * Throws an Error when the conditionals do not match up.
   */
  export function wgsl(strings: TemplateStringsArray, ...values: unknown[]): string;
}
