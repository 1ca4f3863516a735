/** From what was asked to the batch that is fed, and what its masks mean. */
import { kindOf, marksPadding } from '../core/batch/layout';
import type { MaskMeaning } from '../core/batch/values';
import { comparedWith, padIdInMetadata } from '../core/batch/padId';
import type { Batch } from '../core/batch/types';
import type { PadId } from '../core/report';
import { refuseEmpty } from './emptyBatch';
import type { Prepared } from './measure/measure';
import { prepare } from './measure/measure';
import type { MaskReading } from '../core/batch/maskReading';
import { parseMaskOption, readMasks } from './measure/roles';
import { withTablesTold } from './outOfRange';
import type { EngineJob } from './ports';
import type { Subject } from './subject';
import { axesOfInputs, fedWith, idBounds, makeFeeds } from './subject';
import type { DiagnoseDeps, DiagnoseRequest } from './useCases';

export interface PreparedBatch {
  /** The model as it is fed. */
  readonly subject: Subject;
  readonly batch: Batch;
  readonly prepared: Prepared;
  readonly masks: readonly MaskReading[];
  /** Of a made batch with padding. */
  readonly padIds: Readonly<Record<string, PadId>>;
}

interface Told {
  readonly masks: Readonly<Record<string, MaskMeaning>>;
  readonly padIds: Readonly<Record<string, PadId>>;
}

/**
 * A batch that is read is fed as it is. One that is made follows what names and metadata say of masks and pad ids at
 * first; where the graph turns out to say otherwise, it is made again.
 *
 * @throws NanoscopeError `bad-input`, `bad-inputs-file`, `mask-missing`, `mask-ambiguous`
 */
export async function prepareBatch(
  job: EngineJob,
  deps: DiagnoseDeps,
  opened: Subject,
  request: DiagnoseRequest,
  progress: (text: string, fraction: number | null) => void,
): Promise<PreparedBatch> {
  const maskOf = ({ inputs }: Subject): ReturnType<typeof parseMaskOption> | null =>
    request.mask === undefined ? null : parseMaskOption(request.mask, inputs);
  const isMade = request.inputsFile === undefined && request.batch === undefined;
  const attempt = async (told: Told): Promise<PreparedBatch> => {
    const ids = Object.fromEntries(Object.entries(told.padIds).map(([input, { id }]) => [input, id]));
    const batch = await makeFeeds(deps.files, opened, request, { masks: told.masks, padIds: ids });
    const subject = fedWith(opened, Object.keys(batch.inputs));
    progress('Asking the engine for shapes', 0.1);
    const target = {
      graph: subject.graph,
      inputs: batch.inputs,
      externalDataFolder: subject.loaded.externalDataFolder,
    };
    const inputAxes = axesOfInputs(subject, batch);
    await refuseEmpty(job, subject, batch, inputAxes);
    const prepared = await withTablesTold(subject, batch, () => prepare(job, target, inputAxes));
    progress('Finding out what the mask means', 0.2);
    const masks = await withTablesTold(subject, batch, () => readMasks(job, prepared, subject.inputs, maskOf(subject)));
    return { subject, batch, prepared, masks, padIds: isMade ? usedIds(told.padIds, batch) : {} };
  };
  const asked = isMade ? maskOf(opened) : null;
  const first: Told = {
    masks: asked ? { [asked.input]: { form: 'flag', real: asked.inverted ? 0 : 1 } } : {},
    padIds: firstPadIds(opened, request.lengths?.padId),
  };
  const made = await attempt(first);
  if (!isMade) return made;
  const { told, differs } = corrected(first, made.masks);
  return differs ? attempt(told) : { ...made, padIds: usedIds(told.padIds, made.batch) };
}

function firstPadIds(subject: Subject, asked: number | undefined): Record<string, PadId> {
  const bounds = idBounds(subject.graph);
  const written = padIdInMetadata(subject.graph);
  const of = (input: string): PadId => {
    if (asked !== undefined) return { id: asked, from: 'asked' };
    // Some checkpoints name an id beyond their own table.
    const exists = written !== null && written < (bounds[input] ?? Infinity);
    return exists ? { id: written, from: 'metadata' } : { id: 0, from: 'assumed' };
  };
  return Object.fromEntries(
    subject.inputs.filter((input) => kindOf(input) === 'ids').map((input) => [input.name, of(input.name)]),
  );
}

/** What the graph has told beside, and whether the batch then `differs` from one that was made by `told`. */
function corrected(told: Told, readings: readonly MaskReading[]): { readonly told: Told; readonly differs: boolean } {
  const masks = { ...told.masks };
  const padIds = { ...told.padIds };
  let differs = false;
  for (const { input, form, real, padId = 0, by } of readings) {
    if (form === 'ids') {
      const known = padIds[input];
      if (known === undefined || known.from === 'asked') continue;
      differs ||= known.id !== padId;
      padIds[input] = { id: padId, from: 'graph' };
      continue;
    }
    const held: MaskMeaning = masks[input] ?? { form: 'flag', real: marksPadding(input) ? 0 : 1 };
    if (by === 'name' || (held.form === form && held.real === real)) continue;
    masks[input] = { form, real };
    differs = true;
  }
  return { told: { masks, padIds }, differs };
}

/** Those of inputs that have padding. */
function usedIds(padIds: Told['padIds'], { inputs, lengths }: Batch): Told['padIds'] {
  const real = lengths?.lengths.reduce((sum, length) => sum + length, 0) ?? 0;
  return Object.fromEntries(Object.entries(padIds).filter(([input]) => (inputs[input]?.data.length ?? 0) > real));
}

/** What a reader must know of padding that nobody gave an id for. */
export function padIdNotes(padIds: Readonly<Record<string, PadId>>, { graph }: Subject): string[] {
  return Object.entries(padIds).flatMap(([input, { id, from }]) => {
    if (from !== 'assumed') return [];
    const [compared, ...more] = comparedWith(graph, input).filter((other) => other !== id);
    const guess =
      compared === undefined || more.length > 0
        ? '--pad-id N writes another.'
        : `the model compares ids with ${String(compared)}: --pad-id ${String(compared)} writes that.`;
    return [`Padding of ${input} holds the id ${String(id)}, as nothing says which one the model pads with; ${guess}`];
  });
}
