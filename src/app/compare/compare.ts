/** Variants of a model, a batch or a setting of the engine, run one after the other and laid side by side. */
import { compareRuns } from '../../core/compare/compare';
import { joinedRuns, runOfReport } from '../../core/compare/runOfReport';
import type { ComparedRun, Comparison } from '../../core/compare/types';
import { combined, labelOf, variedOf, type Settings, type Variation } from '../../core/compare/variations';
import { NanoscopeError } from '../../core/errors';
import { isBuiltin, parseBuiltin } from '../../core/models';
import { engineLevels, type EngineLevel } from '../../core/report';
import type { EngineJob } from '../ports';
import { runParallel, weightsFact } from '../parallel/variant';
import { aboutOf, fromOneProcess, inOneProcess, inProcesses, type InProcesses } from '../parallel/wanted';
import type { DiagnoseDeps, DiagnoseEvents, DiagnoseRequest } from '../useCases';
import { FirstOutputs } from './fromFirst';
import { outputsAt } from './outputsAt';
import { checkVariants, runVariant, type Part, type RanVariant } from './variant';

export interface CompareRequest {
  /** Absolute paths or `builtin:…`; several are variants of their own. */
  readonly models: readonly string[];
  readonly base: Omit<DiagnoseRequest, 'model' | 'fixes'>;
  readonly variations: readonly Variation[];
}

export interface CompareEvents {
  readonly onProgress?: DiagnoseEvents['onProgress'];
}

interface Wanted extends InProcesses {
  /** As it was named: a file of shards, say. */
  readonly model: string;
  readonly settings: Settings;
  readonly label: string;
}

/** @throws NanoscopeError `usage` where there are fewer than two variants, and as `diagnose` */
export async function compare(
  deps: DiagnoseDeps,
  { models, base, variations }: CompareRequest,
  events: CompareEvents,
  signal?: AbortSignal,
): Promise<Comparison> {
  const wanted = await variantsOf(deps, models, variations);
  // What cannot be run is said before anything is.
  await checkVariants(
    deps,
    { ...base, fixes: false },
    wanted.map(({ whole }) => whole),
  );
  // What several variants run in parts is measured once.
  const isShared = wanted.some(({ split }) => split !== null);
  const measured = new Map<string, RanVariant>();
  const keys = wanted.map(({ whole }) => JSON.stringify(whole));
  const job = deps.engine.start(signal);
  try {
    const first = new FirstOutputs(job);
    const own = new Map<string, FirstOutputs>();
    const runs: ComparedRun[] = [];
    const unfixed: (NanoscopeError | null)[] = [];
    for (const [at, variant] of wanted.entries()) {
      const onProgress: DiagnoseEvents['onProgress'] = ({ text, fraction }) =>
        events.onProgress?.({
          text: `${variant.label}: ${text}`,
          fraction: (at + (fraction ?? 0)) / wanted.length,
        });
      const { whole, split } = variant;
      const request: DiagnoseRequest = { ...base, model: whole.model, fixes: false };
      const start = performance.now();
      const key = keys[at] ?? '';
      const known = measured.get(key);
      const ran = known ?? (await runVariant({ job, deps, events: { onProgress } }, request, whole.settings));
      const { parts } = ran;
      unfixed.push(ran.unfixed);
      // What differs is measured in runs of its own.
      await job.drop(parts.flatMap(({ diagnosis }) => [...diagnosis.measured.keptOutputs.values()]));
      if (isShared) measured.set(key, ran);
      if (split) {
        const asked = { model: whole.model, label: variant.label, parts, split };
        // Where no variant in one process came first, each is held against its own model in one.
        const alone = own.get(key) ?? new FirstOutputs(job, `${key} `);
        own.set(key, alone);
        for (const { run, outputs } of await runParallel(deps.engine, asked, { onProgress }, signal)) {
          const beside = wanted[0]?.split ? alone : first;
          const difference = await beside.differenceOfOutputs(parts, outputs);
          const varied = variedOf(variant.settings, variant.model);
          runs.push({
            ...(wanted[0]?.split
              ? fromOneProcess(run, difference)
              : { ...run, ...(difference !== null && { difference }) }),
            varied,
          });
        }
      } else {
        const ms = performance.now() - start;
        const difference = wanted[0]?.split ? null : await first.differenceOf(parts, plainLevel(variant.settings));
        runs.push({
          ...(await runOf(job, parts, variant)),
          facts: [...(isShared ? weightsOf(parts) : []), ...(known ? [] : [`${String(Math.round(ms))} ms`])],
          ...(difference !== null && { difference }),
          varied: variedOf(variant.settings, variant.model),
        });
      }
      if (keys.includes(key, at + 1)) continue;
      measured.delete(key);
      await own.get(key)?.drop();
      own.delete(key);
    }
    return compareRuns(runs, aboutOf(models, variations), [...notesOf(variations), ...unfixedNotes(wanted, unfixed)]);
  } finally {
    await job.close();
  }
}

async function variantsOf(
  deps: DiagnoseDeps,
  models: readonly string[],
  variations: readonly Variation[],
): Promise<readonly Wanted[]> {
  const wanted: Wanted[] = [];
  const names = namesOf(models, deps.files);
  for (const [at, model] of models.entries())
    for (const settings of combined(variations)) {
      const label = [names[at] ?? '', labelOf(settings)].filter((part) => part !== '').join(', ');
      wanted.push({ model, settings, label, ...(await inProcesses(deps, models, model, settings)) });
    }
  const [only] = wanted;
  // Parts of a model are a comparison with the whole by themselves.
  if (only?.split && wanted.length === 1) return [{ ...only, ...inOneProcess(only) }, only];
  if (wanted.length < 2)
    throw new NanoscopeError(
      'usage',
      'There is only one variant to run.',
      'Name two models, or what to vary: padding=left,right,none',
    );
  return wanted;
}

/** What tells models apart: file names, or the options that built-in models of one kind do not share. */
function namesOf(models: readonly string[], files: DiagnoseDeps['files']): string[] {
  if (models.length === 1) return [''];
  const twice = models.find((model, at) => models.slice(0, at).some((other) => isOne(model, other)));
  if (twice !== undefined)
    throw new NanoscopeError(
      'usage',
      `${isBuiltin(twice) ? twice : files.basename(twice)} is named twice.`,
      'Name two models that are not the same one.',
    );
  if (!models.every(isBuiltin)) {
    const ends = endsOf(models.filter((model) => !isBuiltin(model)));
    return models.map((model) => ends.get(model) ?? model);
  }
  const parsed = models.map(parseBuiltin);
  const [first] = parsed;
  if (!first || parsed.some(({ id }) => id !== first.id)) return parsed.map(({ uri }) => uri);
  const apart = Object.keys(first.options).filter(
    (name) => new Set(parsed.map(({ options }) => options[name])).size > 1,
  );
  return parsed.map(({ options }) => apart.map((name) => `${name}=${String(options[name])}`).join(' '));
}

/** An option that is said and one that is left at the same value are one model. */
const isOne = (model: string, other: string): boolean =>
  isBuiltin(model) && isBuiltin(other)
    ? JSON.stringify(known(model)) === JSON.stringify(known(other))
    : model === other;

function known(model: string): unknown {
  const { id, options } = parseBuiltin(model);
  return [id, Object.entries(options).sort(([one], [other]) => (one < other ? -1 : 1))];
}

/** The names of files, with as many of their folders as tell all of them apart. */
function endsOf(paths: readonly string[]): ReadonlyMap<string, string> {
  const parts = paths.map((path) => path.split(/[\\/]/));
  for (let taken = 1; ; taken++) {
    const ends = parts.map((own) => own.slice(-taken).join('/'));
    if (new Set(ends).size === ends.length || parts.every(({ length }) => length <= taken))
      return new Map(paths.map((path, at) => [path, ends[at] ?? path]));
  }
}

const weightsOf = ([first]: readonly Part[]): string[] =>
  first ? [weightsFact([first.diagnosis.measured.target.graph.model])] : [];

/** The level of a variant that is told by plain runs; null for one that is told by the run that was measured. */
const plainLevel = ({ level, dtype }: Settings): EngineLevel | null =>
  engineLevels.find((own) => own === level) ?? (dtype === 'engine-float16' ? 'disabled' : null);

/** All samples of a variant as one run; at a level of its own, or without rounding, of its outputs alone. */
async function runOf(job: EngineJob, parts: readonly Part[], { settings, label }: Wanted): Promise<ComparedRun> {
  const plain = plainLevel(settings);
  const batches: { run: ComparedRun; samples: readonly number[] }[] = [];
  for (const { diagnosis, samples } of parts) {
    const run = runOfReport(diagnosis.report, label);
    if (plain === null) {
      batches.push({ run, samples });
      continue;
    }
    const { births: _, ...rest } = run;
    batches.push({ run: { ...rest, ...(await outputsAt(job, diagnosis.measured, diagnosis.report, plain)) }, samples });
  }
  return joinedRuns(batches, parts[0]?.of ?? 0, label);
}

/**
 * What ran as it is, and why.
 * @param unfixed by variant
 * @throws NanoscopeError where a fix was at work in no variant at all
 */
function unfixedNotes(wanted: readonly Wanted[], unfixed: readonly (NanoscopeError | null)[]): string[] {
  for (const [at, error] of unfixed.entries()) {
    const { fix } = wanted[at]?.settings ?? {};
    if (error && unfixed.every((other, own) => other !== null || wanted[own]?.settings.fix !== fix)) throw error;
  }
  return unfixed.flatMap((error, at) =>
    error ? [`${wanted[at]?.label ?? ''} holds no NaN and ran as it is: ${error.message}`] : [],
  );
}

function notesOf(variations: readonly Variation[]): string[] {
  const varied = new Set(variations.map(({ key }) => key));
  return [
    ...(varied.has('level')
      ? ['Levels are compared at the outputs of plain runs: probes would keep the engine from optimising between them.']
      : []),
    ...(variations.some(({ values }) => values.includes('engine-float16'))
      ? [
          'engine-float16 is the plain run of the CPU engine, which computes most of float16 in float32; its outputs alone are compared.',
        ]
      : []),
  ];
}
