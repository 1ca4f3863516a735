/**
 * What outlives a window: one JSON file per open panel, and the last batch per model. Both are read back as if a
 * stranger had written them.
 */
import * as vscode from 'vscode';
import { z } from 'zod';
import { errorCodes } from '../../core/errors';
import { batchChoice, weightsOffer } from '../../protocol/panel';
import { reportSchema } from '../../protocol/reportSchema';
import { checkReport, maxReportBytes } from '../savedReport';
import type { SessionRecord } from './session';
import { subjectSchema } from './subject';

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
      before: reportSchema.nullable(),
    }),
  ),
  weights: weightsOffer.nullable(),
  stamps: z.record(z.string(), z.string().nullable()),
}) satisfies z.ZodType<SessionRecord>;

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
  ) {}

  keep(record: SessionRecord): void {
    this.enqueue(record.key, 'Keeping the panel', async () => {
      await vscode.workspace.fs.createDirectory(this.folder);
      await vscode.workspace.fs.writeFile(this.file(record.key), new TextEncoder().encode(JSON.stringify(record)));
    });
  }

  forget(recordKey: string): void {
    this.enqueue(recordKey, 'Forgetting the panel', async () => {
      await vscode.workspace.fs.delete(this.file(recordKey), { useTrash: false });
    });
  }

  /** `null` when there is none, or none that makes sense. */
  async find(recordKey: string): Promise<SessionRecord | null> {
    try {
      const bytes = await vscode.workspace.fs.readFile(this.file(recordKey));
      if (bytes.byteLength > 2 * maxReportBytes) {
        return null;
      }
      const record = recordSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
      return record.report !== null && 'problem' in checkReport(record.report) ? null : record;
    } catch (error) {
      this.onProblem('Restoring the panel', error);
      return null;
    }
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

  private file(recordKey: string): vscode.Uri {
    return vscode.Uri.joinPath(this.folder, `${key.parse(recordKey)}.json`);
  }
}

/** The batch that was used last with a model; remembered per workspace. */
export class BatchMemory {
  constructor(private readonly memento: vscode.Memento) {}

  get(model: string): RememberedBatch | null {
    const parsed = remembered.safeParse(this.memento.get<unknown>(memoryKey(model)));
    return parsed.success ? parsed.data : null;
  }

  async set(model: string, { batch, batchChosen, inputsPath }: RememberedBatch): Promise<void> {
    await this.memento.update(memoryKey(model), { batch, batchChosen, inputsPath });
  }
}

const remembered = z.object({ batch: batchChoice, batchChosen: z.boolean(), inputsPath: z.string().nullable() });
type RememberedBatch = Pick<SessionRecord, 'batch' | 'batchChosen' | 'inputsPath'>;

function memoryKey(model: string): string {
  return `batch:${model}`;
}
