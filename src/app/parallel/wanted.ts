/** Which variants of a comparison run in several processes, and which model in one process each is held against. */
import type { ComparedRun, Dimension } from '../../core/compare/types';
import { dimensionsOf, labelOf, type Settings, type Variation } from '../../core/compare/variations';
import { NanoscopeError } from '../../core/errors';
import { parallelOf, withoutParallel } from '../../core/parallel/settings';
import type { JsonNumber } from '../../core/report';
import { shortNumber } from '../render/numbers';
import type { DiagnoseDeps } from '../useCases';
import { checkSplit } from './arrange';
import { isShardList, readShards } from './shardFiles';
import type { Split } from './variant';
import { splitBy } from './variant';

export interface InProcesses {
  /** The model, and how it is set, that is measured in one process. */
  readonly whole: { readonly model: string; readonly settings: Settings };
  /** null for a variant that is that model itself. */
  readonly split: Split | null;
}

/**
 * @param models of the comparison; shards are held against the first that is no list of them
 * @throws NanoscopeError `usage`, and as `readShards`
 */
export async function inProcesses(
  { files }: Pick<DiagnoseDeps, 'files'>,
  models: readonly string[],
  model: string,
  settings: Settings,
): Promise<InProcesses> {
  if (!isShardList(model)) {
    const how = parallelOf(settings);
    if (how) checkSplit(model, how);
    return { whole: { model, settings: withoutParallel(settings) }, split: how && splitBy(how) };
  }
  const whole = models.find((other) => !isShardList(other));
  if (whole === undefined)
    throw new NanoscopeError(
      'usage',
      'Shards are compared with the model that they are shards of, and none is named.',
      'Name it first: nanoscope compare model.onnx shards.json',
    );
  const other = Object.keys(settings).find((key) => key !== 'padding' && key !== 'lengths');
  if (other !== undefined)
    throw new NanoscopeError(
      'usage',
      `${other} cannot be varied of shards, which are run as their files have them.`,
      'Vary padding or lengths, or leave the shards out.',
    );
  return { whole: { model: whole, settings }, split: await readShards(files, model) };
}

/** Where the first variant runs in parts too, all are held against the model in one process. */
export const fromOneProcess = (run: ComparedRun, difference: JsonNumber | null): ComparedRun =>
  difference === null
    ? run
    : { ...run, facts: [`outputs of real tokens ${shortNumber(difference)} from one process`, ...run.facts] };

/** Shards are no other model. */
export function aboutOf(models: readonly string[], variations: readonly Variation[]): Dimension[] {
  const wholes = models.filter((model) => !isShardList(model));
  const about = dimensionsOf(variations, wholes.length);
  // Where nothing varies, it is one variant in parts beside the whole.
  const parts: readonly Dimension[] =
    about.length > 0 ? [] : [variations.some(({ key }) => key === 'stages') ? 'pipeline' : 'sharding'];
  return [...new Set([...about, ...(wholes.length === models.length ? parts : (['sharding'] as const))])];
}

/** The model that a variant in parts is held against, as a variant of its own. */
export function inOneProcess({ whole: { settings } }: InProcesses): {
  readonly settings: Settings;
  readonly split: null;
  readonly label: string;
} {
  const label = ['one process', labelOf(settings)].filter((part) => part !== '').join(', ');
  return { settings, split: null, label };
}
