/** The stored files at and below the paths that a person named. */
import { NanoscopeError, toPayload, type ErrorPayload } from '../../core/errors';
import type { FileAccess } from '../useCases';
import { goOn } from './context';
import { formatOf, isPickle } from './formats';

type Files = Pick<FileAccess, 'list' | 'exists' | 'realPath' | 'join' | 'basename'>;

export interface FoundFiles {
  /** Each once, under the first name it was met by; those of a folder sorted. */
  readonly files: readonly string[];
  /** Pickles, by their name, that lie in the folders. */
  readonly pickles: readonly string[];
  /** Folders that may not be read. */
  readonly failed: readonly { readonly path: string; readonly error: ErrorPayload }[];
}

/** Folders of other people's files. */
const passedOver: ReadonlySet<string> = new Set(['node_modules', '__pycache__', 'site-packages', 'dist-packages']);

/**
 * A file that is named is taken whatever it is called; folders are searched by the endings of the formats. What is
 * hidden is passed over, links are followed, each folder is entered once.
 * @throws NanoscopeError `file-not-found`, `cancelled`
 */
export async function findStored(files: Files, paths: readonly string[], signal: AbortSignal): Promise<FoundFiles> {
  const walk = new Walk(files, signal);
  for (const path of paths) {
    if (!(await files.exists(path)))
      throw new NanoscopeError(
        'file-not-found',
        `${path} does not exist.`,
        'Check the path; it is case-sensitive on most systems.',
      );
    const names = await files.list(path);
    if (names === null) await walk.take(path);
    else await walk.enter(path, names);
  }
  return walk;
}

class Walk implements FoundFiles {
  readonly files: string[] = [];
  readonly pickles: string[] = [];
  readonly failed: { readonly path: string; readonly error: ErrorPayload }[] = [];
  private readonly seen = new Set<string>();

  constructor(
    private readonly disk: Files,
    private readonly signal: AbortSignal,
  ) {}

  async take(path: string): Promise<void> {
    if (await this.isNew(path)) this.files.push(path);
  }

  async enter(folder: string, names: readonly string[]): Promise<void> {
    goOn(this.signal);
    if (!(await this.isNew(folder))) return;
    for (const name of [...names].sort()) {
      if (name.startsWith('.') || passedOver.has(name)) continue;
      const path = this.disk.join(folder, name);
      const inside = await this.listed(path);
      if (inside !== null) await this.enter(path, inside);
      else if (formatOf(name) !== null) await this.take(path);
      else if (isPickle(name) && (await this.isNew(path))) this.pickles.push(path);
    }
  }

  private async listed(path: string): Promise<readonly string[] | null> {
    try {
      return await this.disk.list(path);
    } catch (error) {
      this.failed.push({ path, error: toPayload(error) });
      return [];
    }
  }

  private async isNew(path: string): Promise<boolean> {
    // A link that leads nowhere is a file that cannot be opened, and is told as such.
    const real = await this.disk.realPath(path).catch(() => path);
    if (this.seen.has(real)) return false;
    this.seen.add(real);
    return true;
  }
}
