/**
 * Finished runs, kept in the workspace's storage: two files each, so that a list of them reads none of the runs.
 * Bounded by number and by bytes; what a person has named goes last. Every file is complete or not there, and is read
 * back as if a stranger had written it.
 */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { z } from 'zod';
import { NanoscopeError } from '../../core/errors';
import { parseSaved, type Saved } from '../savedReport';
import { entryOf, entrySchema, type HistoryEntry } from './entry';

export interface HistoryLimits {
  readonly entries: number;
  readonly bytes: number;
}

/** A report of 61 layers has half a megabyte to five. */
const defaultLimits: HistoryLimits = { entries: 50, bytes: 64 * 1024 * 1024 };
const maxEntryBytes = 256 * 1024;
/** What a window that was killed left half done, or nobody can read; younger files may be another window's at work. */
const leftoverMs = 60 * 60 * 1000;

const uuid = z.uuid();
const entrySuffix = '.json';
const runSuffix = '.run.json';

export class HistoryStore {
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly folder: vscode.Uri,
    private readonly onProblem: (what: string, error: unknown) => void,
    private readonly limits: HistoryLimits = defaultLimits,
  ) {}

  /** Keeps a run, and lets the oldest go. `null` for one that alone is more than all may be. */
  add(saved: Saved, at: number): Promise<HistoryEntry | null> {
    return this.inTurn(async () => {
      const bytes = new TextEncoder().encode(JSON.stringify(saved.kind === 'report' ? saved.report : saved.comparison));
      if (bytes.byteLength > this.limits.bytes) return null;
      const entry = entryOf(saved, randomUUID(), at, bytes.byteLength);
      await vscode.workspace.fs.createDirectory(this.folder);
      // The run first: an entry promises that there is one.
      await this.write(entry.id + runSuffix, bytes);
      await this.writeEntry(entry);
      await this.prune(entry.id);
      return entry;
    });
  }

  /** Latest first. An entry that cannot be read is left out, and named in the log. */
  list(): Promise<readonly HistoryEntry[]> {
    return this.inTurn(() => this.read());
  }

  /** @throws NanoscopeError `file-not-found`, `file-unreadable` */
  async open({ id, model }: HistoryEntry): Promise<Saved> {
    await this.settle();
    let bytes: Uint8Array;
    try {
      bytes = await vscode.workspace.fs.readFile(this.file(id + runSuffix));
    } catch (error) {
      throw gone(error);
    }
    return parseSaved(bytes, model);
  }

  /** The run of a panel that was open before; `null` where it is gone. */
  async find(id: string): Promise<{ readonly entry: HistoryEntry; readonly saved: Saved } | null> {
    try {
      await this.settle();
      const entry = await this.entry(id);
      return { entry, saved: await this.open(entry) };
    } catch (error) {
      this.onProblem(`Restoring the stored run ${id}`, error);
      return null;
    }
  }

  /**
   * @param name empty takes the name away
   * @returns the run as it is called from now on
   * @throws NanoscopeError `file-not-found` where another window has deleted it: writing it would bring back half of it
   */
  rename({ id }: HistoryEntry, name: string): Promise<HistoryEntry> {
    const trimmed = name.trim().slice(0, 200);
    return this.inTurn(async () => {
      const entry = await this.entry(id).catch((error: unknown) => {
        throw gone(error);
      });
      const renamed = { ...entry, name: trimmed === '' ? null : trimmed };
      await this.writeEntry(renamed);
      return renamed;
    });
  }

  remove({ id }: HistoryEntry): Promise<void> {
    return this.inTurn(() => this.forget(id));
  }

  /** Waits for what is being written. */
  async settle(): Promise<void> {
    await this.last;
  }

  /** One after the other, whatever became of the one before. */
  private inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.last.then(action);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async read(): Promise<readonly HistoryEntry[]> {
    const found = await Promise.all(
      (await this.ids(entrySuffix)).map(async (id) => {
        try {
          return [await this.entry(id)];
        } catch (error) {
          this.onProblem(`Stored run ${id}`, error);
          return [];
        }
      }),
    );
    return found.flat().sort((a, b) => b.at - a.at || a.id.localeCompare(b.id));
  }

  /** @throws whatever is wrong with it */
  private async entry(id: string): Promise<HistoryEntry> {
    const file = this.file(uuid.parse(id) + entrySuffix);
    const bytes = await vscode.workspace.fs.readFile(file);
    if (bytes.byteLength > maxEntryBytes) throw new RangeError(`${id} is too large`);
    const entry = entrySchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    if (entry.id !== id) throw new RangeError(`${id} says that it is another one`);
    return entry;
  }

  /** @param kept a run that was just made: never the one to go, whatever clock the others were made by */
  private async prune(kept: string): Promise<void> {
    let room = this.limits.bytes;
    let places = this.limits.entries;
    const latest = await this.read();
    const rank = ({ id, name }: HistoryEntry): number => (id === kept ? 0 : name !== null ? 1 : 2);
    for (const entry of [...latest].sort((a, b) => rank(a) - rank(b))) {
      if (places > 0 && entry.bytes <= room) {
        places -= 1;
        room -= entry.bytes;
      } else {
        await this.forget(entry.id);
      }
    }
    await this.removeLeftovers(new Set(latest.map(({ id }) => id)));
  }

  private async removeLeftovers(known: ReadonlySet<string>): Promise<void> {
    for (const name of await this.names()) {
      const id = uuid.safeParse(name.replace(/(?:\.run)?\.json$/, '')).data;
      const orphan = id !== undefined && !known.has(id);
      if (!orphan && !name.endsWith('.tmp')) continue;
      try {
        const { mtime } = await vscode.workspace.fs.stat(this.file(name));
        if (Date.now() - mtime > leftoverMs) await this.delete(name);
      } catch (error) {
        // Another window may be quicker, and no run is less kept for what lies beside it.
        this.onProblem(`Removing ${name}`, error);
      }
    }
  }

  private async forget(id: string): Promise<void> {
    await this.delete(id + entrySuffix);
    await this.delete(id + runSuffix);
  }

  private async delete(name: string): Promise<void> {
    try {
      await vscode.workspace.fs.delete(this.file(name), { useTrash: false });
    } catch (error) {
      if (!(error instanceof vscode.FileSystemError && error.code === 'FileNotFound')) throw error;
    }
  }

  private writeEntry(entry: HistoryEntry): Promise<void> {
    return this.write(entry.id + entrySuffix, new TextEncoder().encode(JSON.stringify(entry)));
  }

  /** Under another name first: a window that is killed meanwhile leaves the old file or the new one. */
  private async write(name: string, bytes: Uint8Array): Promise<void> {
    const temporary = this.file(`${name}.${randomUUID()}.tmp`);
    await vscode.workspace.fs.writeFile(temporary, bytes);
    await vscode.workspace.fs.rename(temporary, this.file(name), { overwrite: true });
  }

  private async ids(suffix: string): Promise<readonly string[]> {
    return (await this.names()).flatMap((name) =>
      name.endsWith(suffix) ? (uuid.safeParse(name.slice(0, -suffix.length)).data ?? []) : [],
    );
  }

  private async names(): Promise<readonly string[]> {
    try {
      return (await vscode.workspace.fs.readDirectory(this.folder)).map(([name]) => name);
    } catch {
      return []; // nothing was kept yet
    }
  }

  private file(name: string): vscode.Uri {
    return vscode.Uri.joinPath(this.folder, name);
  }
}

const gone = (cause: unknown): NanoscopeError =>
  new NanoscopeError(
    'file-not-found',
    vscode.l10n.t('The stored run is not there any more.'),
    vscode.l10n.t('Choose another one.'),
    { cause },
  );
