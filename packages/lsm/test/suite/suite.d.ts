/** abstract-level's suite comes without types. */
declare module 'abstract-level/test/index.js' {
  export default function suite(options: { test: unknown; factory: (options?: never) => unknown }): void
}
