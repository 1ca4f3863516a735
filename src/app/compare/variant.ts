/** One variant of a comparison: which model, fed with what, run how. */
import { halfFeeds, halved, refuseHalving } from '../../core/onnx/halve';
import { batchFixes } from '../../core/fix/batch/index';
import type { BatchFix, BatchRun } from '../../core/fix/batch/types';
import { NanoscopeError } from '../../core/errors';
import { isBuiltin, parseBuiltin, withOption } from '../../core/models';
import type { Settings } from '../../core/compare/variations';
import type { LengthSpec } from '../../core/batch/types';
import type { Report } from '../../core/report';
import { wantedFixes } from '../apply/wanted';
import { planFix } from '../apply/planFix';
import { runDiagnosis, type Diagnosis } from '../diagnose';
import type { EngineJob } from '../ports';
import { makeFeeds, openSubject, type Subject, withModel } from '../subject';
import type { DiagnoseDeps, DiagnoseEvents, DiagnoseRequest } from '../useCases';

/** A diagnosis of all samples of the batch, or of some of them. */
export interface Part {
  readonly diagnosis: Diagnosis;
  /** Indices in the batch that is compared. */
  readonly samples: readonly number[];
  /** How many samples that batch has. */
  readonly of: number;
}

export interface RanVariant {
  readonly parts: readonly Part[];
  /** Why it ran as it is: there was nothing to fix in it, or it holds the fix already. */
  readonly unfixed: NanoscopeError | null;
}

interface Run {
  readonly job: EngineJob;
  readonly deps: DiagnoseDeps;
  readonly events: DiagnoseEvents;
}

/**
 * A fix that has nothing to fix, such as in a batch that is padded at the other side, leaves the model as it is.
 * @throws NanoscopeError `usage` for a setting that this model or batch cannot have, and as `diagnose`
 */
export async function runVariant(run: Run, base: DiagnoseRequest, settings: Settings): Promise<RanVariant> {
  const { fix, ...others } = settings;
  try {
    return { parts: await ran(run, base, settings), unfixed: null };
  } catch (error) {
    if (fix === undefined || !(error instanceof NanoscopeError) || error.code !== 'fix-declined') throw error;
    const parts = await ran(run, base, others);
    if (parts.some(({ diagnosis }) => hasNaN(diagnosis.report))) throw error;
    return { parts, unfixed: error };
  }
}

const hasNaN = ({ origins, table }: Report): boolean =>
  origins.length > 0 ||
  table.some(({ samples, whole }) => whole?.nan === true || (samples ?? []).some(({ nan }) => nan > 0));

async function ran(run: Run, base: DiagnoseRequest, settings: Settings): Promise<readonly Part[]> {
  const asked = requestOf(base, settings);
  const opened = await openSubject(run.deps.files, asked.model, asked.cast);
  const request = isHalf(settings) ? await readAs(run.deps, asked, opened) : asked;
  const subject = await subjectOf(run, request, opened, settings);
  const { padding } = settings;
  if (padding === undefined || isMadeSo(request, padding)) return [await whole(run, request, subject)];
  return refed(run, request, subject, padding);
}

/**
 * What can be said before anything is run: of model files, each read once, and of settings that nothing can have.
 * @throws NanoscopeError as `openSubject`, `usage`
 */
export async function checkVariants(
  { files }: Pick<DiagnoseDeps, 'files'>,
  base: Omit<DiagnoseRequest, 'model'>,
  variants: readonly { readonly model: string; readonly settings: Settings }[],
): Promise<void> {
  for (const { model, settings } of variants) {
    const { fix } = settings;
    if (fix !== undefined && fix !== 'none') wantedFixes(fix);
    const asked = requestOf({ ...base, model }, settings);
    if (isBuiltin(asked.model)) parseBuiltin(asked.model);
  }
  for (const model of new Set(variants.map((variant) => variant.model))) {
    if (isBuiltin(model)) continue;
    const opened = await openSubject(files, model, base.cast);
    for (const variant of variants) {
      if (variant.model !== model) continue;
      refuseFloat32(opened, variant.settings);
      if (isHalf(variant.settings) && !hasHalf(opened)) refuseHalving(opened.loaded.proto);
    }
  }
}

/** What a request alone can say. */
function requestOf(base: DiagnoseRequest, { attention, lengths, padding }: Settings): DiagnoseRequest {
  let request = base;
  if (attention !== undefined) request = withAttention(request, attention);
  if (lengths !== undefined) request = { ...request, lengths: withLengths(request, lengths) };
  const { lengths: spec } = request;
  // Samples hold the same tokens on whichever side their padding is.
  if (padding !== undefined && padding !== 'none' && request.inputsFile === undefined)
    request = { ...request, lengths: { ...(spec ?? { lengths: [5, 35], seed: 1 }), pad: padding as 'left' | 'right' } };
  return request;
}

function withAttention(request: DiagnoseRequest, attention: string): DiagnoseRequest {
  if (isBuiltin(request.model)) return { ...request, model: withOption(request.model, 'attention', attention) };
  if (attention !== 'as-is' && attention !== 'written-out')
    throw new NanoscopeError(
      'usage',
      `A model file has one implementation of attention; ${attention} is none of what it can be compared as.`,
      'Compare attention=as-is,written-out, or two exports: nanoscope compare eager.onnx sdpa.onnx',
    );
  return { ...request, expandAttention: attention === 'written-out' };
}

/** As `--lengths`. */
const longest = 1_000_000;
const mostSamples = 1024;

function withLengths(request: DiagnoseRequest, text: string): LengthSpec {
  const lengths = text.split(',').map((part) => (/^\s*\d{1,7}\s*$/.test(part) ? Number(part) : Number.NaN));
  if (!lengths.every((length) => length <= longest))
    throw new NanoscopeError(
      'usage',
      `“${text}” are no lengths from 0 to ${String(longest)}.`,
      'Such as lengths=31/32/5,35.',
    );
  if (lengths.length > mostSamples)
    throw new NanoscopeError(
      'usage',
      `${String(lengths.length)} lengths are too many samples; ${String(mostSamples)} is the most.`,
      'Such as lengths=31/32/5,35.',
    );
  if (request.inputsFile !== undefined)
    throw new NanoscopeError(
      'usage',
      'A batch that is read from a file has the lengths that it has.',
      'Leave the file out, so that batches are made.',
    );
  return { pad: 'left', seed: 1, ...request.lengths, lengths };
}

/** The batch maker pads on the side that is asked for; what is read, and no padding at all, is fed anew. */
const isMadeSo = (request: DiagnoseRequest, padding: string): boolean =>
  request.inputsFile === undefined && padding !== 'none';

async function subjectOf(
  { job, deps, events }: Run,
  request: DiagnoseRequest,
  opened: Subject,
  settings: Settings,
): Promise<Subject> {
  const { fix } = settings;
  const subject = isHalf(settings) ? asHalf(opened) : opened;
  refuseFloat32(opened, settings);
  if (fix === undefined || fix === 'none') return subject;
  const { steps, diagnosis } = await planFix(job, deps, request, wantedFixes(fix), events, subject);
  const graph = steps.at(-1)?.after ?? diagnosis.subject.graph;
  return { ...diagnosis.subject, loaded: { ...diagnosis.subject.loaded, proto: graph.model }, graph };
}

function refuseFloat32(opened: Subject, { dtype }: Settings): void {
  if (dtype === 'float32' && hasHalf(opened))
    throw new NanoscopeError(
      'usage',
      `${opened.name} computes in float16; there is no float32 of it here.`,
      'Compare dtype=float16,engine-float16, or two files.',
    );
}

const hasHalf = ({ graph }: Subject): boolean =>
  [...graph.initializers.values()].some(({ dataType }) => dataType === 10);

function asHalf(subject: Subject): Subject {
  if (hasHalf(subject)) return subject;
  return {
    ...withModel(subject, halved(subject.loaded.proto)),
    notes: [...subject.notes, 'The model was rounded to float16 as converters do it.'],
  };
}

async function whole({ job, deps, events }: Run, request: DiagnoseRequest, subject: Subject): Promise<Part> {
  const diagnosis = await runDiagnosis(job, deps, request, events, subject);
  const { roles } = diagnosis.report.batch;
  return { diagnosis, samples: roles.map((_, sample) => sample), of: roles.length };
}

/** The same samples, padded in another way. */
async function refed(run: Run, request: DiagnoseRequest, subject: Subject, padding: string): Promise<readonly Part[]> {
  const first = await whole(run, request, subject);
  const { measured, report } = first.diagnosis;
  const roles = [report.batch.roles, ...(report.batch.memory ? [report.batch.memory.roles] : [])];
  const isPadded = (pattern: RegExp): boolean => roles.every((samples) => samples.every((role) => pattern.test(role)));
  if (padding === 'left' ? isPadded(/^p*r*$/) : padding === 'right' ? isPadded(/^r*p*$/) : isPadded(/^r*$/))
    return [first];
  const context = { inputs: measured.target.inputs, specs: subject.inputs, axes: measured.inputAxes, roles };
  const plan = planned(padding, (fix) => fix.plan(context));
  if (plan.length === 0) throw impossible(padding, 'no sample of it has a real token.');
  const parts: Part[] = [];
  for (const { feeds, samples, layout } of plan) {
    const lengths = lengthsOf(layout, roles, samples, request);
    const again = { ...request, inputsFile: undefined, batch: { inputs: feeds, lengths } };
    parts.push({ ...(await whole(run, again, subject)), samples, of: first.of });
  }
  return parts;
}

function planned(padding: string, plan: (fix: BatchFix) => ReturnType<BatchFix['plan']>): readonly BatchRun[] {
  const ids = { right: ['right-padding'], none: ['same-length-batches', 'no-padding'] }[padding] ?? [];
  let reason = 'Nothing moves the padding of a batch to the left.';
  for (const id of ids) {
    const fix = batchFixes.find((one) => one.id === id);
    const own = fix && plan(fix);
    if (own?.applies) return own.runs;
    if (own) ({ reason } = own);
  }
  throw impossible(padding, reason);
}

const impossible = (padding: string, reason: string): NanoscopeError =>
  new NanoscopeError(
    'usage',
    `This batch cannot be compared with padding=${padding}: ${reason}`,
    'Leave that value out, or let the batch be made from lengths.',
  );

/** Who is real, for a model that has no mask to tell. */
function lengthsOf(
  layout: BatchRun['layout'],
  roles: readonly (readonly string[])[],
  samples: readonly number[],
  { lengths }: DiagnoseRequest,
): LengthSpec {
  const own = layout.kind === 'padded' ? (layout.roles[0] ?? []) : samples.map((at) => roles[0]?.[at] ?? '');
  return {
    seed: 1,
    ...lengths,
    lengths: own.map((role) => role.replaceAll('p', '').length),
    pad: layout.kind === 'padded' ? 'right' : 'none',
  };
}

const isHalf = ({ dtype }: Pick<Settings, 'dtype'>): boolean => dtype === 'float16' || dtype === 'engine-float16';

/** A file that holds float32 feeds a model in float16 with what it is rounded to. */
async function readAs({ files }: DiagnoseDeps, request: DiagnoseRequest, opened: Subject): Promise<DiagnoseRequest> {
  if (request.inputsFile === undefined || hasHalf(opened)) return request;
  const batch = await makeFeeds(files, opened, request);
  return { ...request, inputsFile: undefined, batch: { ...batch, inputs: halfFeeds(batch.inputs) } };
}
