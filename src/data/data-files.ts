// Files as models read them: by name, wherever they lie, so that one reader serves folders, downloads and dropped files.

/** The files that a user has named. */
export interface DataFiles {
  /** What they are to the user, for errors, such as `the folder mnist`. */
  readonly title: string;
  /** Paths or names, in alphabetical order within a folder. */
  readonly names: readonly string[];
  /** The bytes of one of `names`. @throws an Error that names the file. */
  bytes(name: string): Promise<Uint8Array>;
}
