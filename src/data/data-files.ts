// Data files by name, so that one reader works for folders, downloads and dropped files.

/** The data files a user gave. */
export interface DataFiles {
  /** Used in error messages, such as `the folder mnist`. */
  readonly title: string;
  /** Paths or names, in alphabetical order within a folder. */
  readonly names: readonly string[];
  /** The bytes of one of `names`. @throws an Error that names the file. */
  bytes(name: string): Promise<Uint8Array>;
}
