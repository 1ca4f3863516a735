/** What the files of a panel were when a run last read them. */
export type Stamps = Readonly<Record<string, string | null>>;

export class FileStamps {
  constructor(
    private taken: Stamps,
    private readonly stamp: (path: string) => Promise<string | null>,
  ) {}

  get record(): Stamps {
    return this.taken;
  }

  async take(paths: readonly string[]): Promise<void> {
    this.taken = await this.all(paths);
  }

  /** Whether some file is no longer what the last run read. */
  async changed(paths: readonly string[]): Promise<boolean> {
    const now = await this.all(paths);
    return paths.some((path) => this.taken[path] !== undefined && this.taken[path] !== now[path]);
  }

  private async all(paths: readonly string[]): Promise<Stamps> {
    const pairs = paths.map(async (path) => [path, await this.stamp(path)] as const);
    return Object.fromEntries(await Promise.all(pairs));
  }
}
