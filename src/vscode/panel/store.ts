/**
 * What outlives a window: one JSON file per open panel, and the last batch per model. Both are read back as if a
 * stranger had written them.
 */
import * as vscode from 'vscode';
import { z } from 'zod';
import { errorCodes } from '../../core/errors';
import { batchChoice, weightsOffer, type BatchChoice } from '../../protocol/panel';
import { reportSchema } from '../../protocol/reportSchema';
import { checkReport, maxReportBytes } from '../savedReport';
import type { PanelRecord, SessionRecord } from './sessionParts';
import { subjectId, subjectSchema, type Subject } from './subject';
import { titlesOf } from './title';

const key = z.uuid();

const recordSchema = z.object({
  key,
  subject: subjectSchema,
  phase: z.enum(['empty', 'running', 'done', 'error', 'cancelled']),
  batch: batchChoice,
  batchChosen: z.boolean(),
  inputsPath: z.string().nullable(),
  report: reportSchema.nullable(),
  error: z.object({ code: z.enum(errorCodes), message: z.string(), hint: z.string() }).nullable(),
  stack: z.array(
    z.object({
      fixId: z.string(),
      file: z.string().min(1),
      weights: z.enum(['inside', 'referenced', 'copied']),
      backup: z.string().nullable().default(null),
      before: reportSchema.nullable(),
      measured: z.boolean().default(true),
    }),
  ),
  weights: weightsOffer.nullable(),
  stamps: z.record(z.string(), z.string().nullable()),
  comparison: z.object({ stored: z.uuid(), id: z.string(), title: z.string() }).nullable().exactOptional(),
}) satisfies z.ZodType<PanelRecord>;

/** The state that the page kept with `setState`: only its key is looked at. */
const keptByPage = z.union([z.object({ key }), z.object({ state: z.object({ key }) })]);

export function keyOf(pageState: unknown): string | null {
  const parsed = keptByPage.safeParse(pageState);
  if (!parsed.success) {
    return null;
  }
  return 'key' in parsed.data ? parsed.data.key : parsed.data.state.key;
}

export class PanelStore {
  /** Writes of one key happen in order. */
  private readonly writing = new Map<string, Promise<void>>();

  constructor(
    private readonly folder: vscode.Uri,
    private readonly onProblem: (what: string, error: unknown) => void,
    private readonly limit = maxRecordBytes,
  ) {}

  keep(record: PanelRecord): void {
    this.enqueue(record.key, 'Keeping the panel', async () => {
      await vscode.workspace.fs.createDirectory(this.folder);
      await vscode.workspace.fs.writeFile(this.file(record.key), encoded(record, this.limit));
    });
  }

  forget(recordKey: string): void {
    this.enqueue(recordKey, 'Forgetting the panel', async () => {
      try {
        await vscode.workspace.fs.delete(this.file(recordKey), { useTrash: false });
      } catch (error) {
        if (!(error instanceof vscode.FileSystemError && error.code === 'FileNotFound')) throw error;
      }
    });
  }

  /**
   * Deletes every record that no panel can ask for any more.
   * @param open keys in use
   * @param waiting titles of tabs whose key is not known yet; what could be theirs stays
   */
  async prune(open: ReadonlySet<string>, waiting: ReadonlySet<string>): Promise<void> {
    for (const recordKey of await this.stored()) {
      if (!open.has(recordKey) && !this.writing.has(recordKey)) {
        const record = waiting.size === 0 ? null : await this.find(recordKey);
        if (record === null || !setsMeet(titlesOf(record), waiting)) {
          this.forget(recordKey);
        }
      }
    }
    await this.settle();
  }

  /** `null` when there is none, or none that makes sense. */
  async find(recordKey: string): Promise<PanelRecord | null> {
    try {
      const bytes = await vscode.workspace.fs.readFile(this.file(recordKey));
      if (bytes.byteLength > this.limit) {
        return null;
      }
      const record = recordSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
      return record.report !== null && 'problem' in checkReport(record.report) ? null : record;
    } catch (error) {
      this.onProblem('Restoring the panel', error);
      return null;
    }
  }

  /** The record of a subject, for a panel that was not told its key; `null` when there is none. */
  async findFor(subject: Subject): Promise<PanelRecord | null> {
    for (const recordKey of await this.stored()) {
      const record = await this.find(recordKey);
      if (record !== null && subjectId(record.subject) === subjectId(subject)) {
        return record;
      }
    }
    return null;
  }

  /** Waits for what is being written. */
  async settle(): Promise<void> {
    await Promise.all(this.writing.values());
  }

  private enqueue(recordKey: string, what: string, action: () => Promise<void>): void {
    const before = this.writing.get(recordKey) ?? Promise.resolve();
    const next = before.then(action).catch((error: unknown) => {
      this.onProblem(what, error);
    });
    this.writing.set(recordKey, next);
    void next.then(() => {
      if (this.writing.get(recordKey) === next) {
        this.writing.delete(recordKey);
      }
    });
  }

  private async stored(): Promise<readonly string[]> {
    try {
      const entries = await vscode.workspace.fs.readDirectory(this.folder);
      return entries.flatMap(([name]) => key.safeParse(name.replace(/\.json$/, '')).data ?? []);
    } catch {
      return []; // nothing was kept yet
    }
  }

  private file(recordKey: string): vscode.Uri {
    return vscode.Uri.joinPath(this.folder, `${key.parse(recordKey)}.json`);
  }
}

/** A record holds at most two reports worth looking at: the one that is shown and the one before the fix. */
const maxRecordBytes = 2 * maxReportBytes;

/** Never more than can be read back: the reports are let go first, and a run brings them again. */
function encoded(record: PanelRecord, limit: number): Uint8Array {
  const attempts: readonly (() => PanelRecord)[] = [
    () => record,
    () => ({ ...record, stack: record.stack.map((written) => ({ ...written, before: null })) }),
    () => ({ ...record, report: null, stack: record.stack.map((written) => ({ ...written, before: null })) }),
  ];
  let bytes = new Uint8Array();
  for (const attempt of attempts) {
    bytes = new TextEncoder().encode(JSON.stringify(attempt()));
    if (bytes.byteLength <= limit) break;
  }
  return bytes;
}

const setsMeet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => [...a].some((entry) => b.has(entry));

/** Models whose last batch is remembered. */
const rememberedModels = 50;

/** The batch that was used last with a model; remembered per workspace, for the models of late. */
export class BatchMemory {
  constructor(private readonly memento: vscode.Memento) {}

  get(model: string): RememberedBatch | null {
    return this.all().find((entry) => entry.model === model) ?? null;
  }

  /** Nothing is kept of a batch that nobody chose, unless it takes back what somebody did. */
  async set(model: string, { batch, batchChosen, inputsPath }: RememberedBatch): Promise<void> {
    if (!batchChosen && !saysMore(batch) && this.get(model) === null) return;
    const others = this.all().filter((entry) => entry.model !== model);
    await this.memento.update(
      memoryKey,
      [{ model, batch, batchChosen, inputsPath }, ...others].slice(0, rememberedModels),
    );
  }

  /** Latest first; what cannot be read is forgotten. */
  private all(): readonly Remembered[] {
    const kept = this.memento.get<unknown>(memoryKey);
    return Array.isArray(kept) ? kept.flatMap((entry) => remembered.safeParse(entry).data ?? []) : [];
  }
}

const saysMore = ({ mask, cast, expandAttention }: BatchChoice): boolean =>
  mask !== null || cast !== undefined || expandAttention !== undefined;

const memoryKey = 'batches';
const remembered = z.object({
  model: z.string(),
  batch: batchChoice,
  batchChosen: z.boolean(),
  inputsPath: z.string().nullable(),
});
type Remembered = z.infer<typeof remembered>;
type RememberedBatch = Pick<SessionRecord, 'batch' | 'batchChosen' | 'inputsPath'>;
