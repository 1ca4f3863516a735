/** The command line that repeats a diagnosis, as far as a report knows it. */
import type { BatchInfo, Report } from '../../core/report';
import { visible } from './text';

/** One argument for a shell; the form `$'…'` of bash and zsh where it holds what cannot be seen. */
export function shellQuote(argument: string): string {
  if (/^[\w@%+=:,./-]+$/.test(argument)) {
    return argument;
  }
  if (visible(argument) === argument) {
    return `'${argument.replaceAll("'", "'\\''")}'`;
  }
  const escaped = visible(argument.replace(/[\\']/g, '\\$&'));
  // Beyond 16 bits the shell has a notation of its own.
  return `$'${escaped.replace(/\\u\{([0-9a-f]+)\}/g, (_, digits: string) => `\\U${digits.padStart(8, '0')}`)}'`;
}

export const commandLine = (args: readonly string[]): string => ['nanoscope', ...args].map(shellQuote).join(' ');

/**
 * What to run to see the report again: what was asked for, where the report knows it. Older reports do not; for them
 * the roles tell the lengths, and a batch that no lengths give is a placeholder.
 */
export function reproduceArguments(report: Report): readonly string[] {
  const { batch, model, observer } = report;
  const level = observer?.userLevel?.level ?? 'all';
  return [
    'diagnose',
    ...batchArguments(batch),
    ...(batch.mask === undefined ? [] : withValue('--mask', batch.mask)),
    ...(model.cast === undefined ? [] : ['--cast', model.cast]),
    ...(model.expandedAttention === true ? ['--expand-attention'] : []),
    ...(level === 'all' ? [] : ['--level', level]),
    ...(ranWithoutFixes(report) ? ['--no-fixes'] : []),
    ...(model.name.startsWith('-') ? ['--', model.name] : [model.name]),
  ];
}

/** The observer comes before the fixes: with it and without them, a run left them out or had got no further. */
const ranWithoutFixes = ({ fixes, observer, model }: Report): boolean =>
  fixes === undefined && observer !== undefined && model.expandedAttention !== true;

function batchArguments(batch: BatchInfo): readonly string[] {
  const { source } = batch;
  if (source === undefined) return guessedBatch(batch);
  const lengths = source.lengths === undefined ? [] : ['--lengths', source.lengths.join(',')];
  const pad = source.pad === undefined ? [] : ['--pad', source.pad];
  return source.kind === 'file'
    ? [...withValue('--inputs', source.name), ...lengths, ...pad]
    : [
        ...lengths,
        ...pad,
        ...(source.seed === 1 ? [] : ['--seed', String(source.seed)]),
        ...(source.padId === undefined ? [] : ['--pad-id', String(source.padId)]),
      ];
}

/** A value that looks like an option has to be joined to its own. */
const withValue = (option: string, value: string): readonly string[] =>
  value.startsWith('-') ? [`${option}=${value}`] : [option, value];

function guessedBatch({ padding, roles, memory }: BatchInfo): readonly string[] {
  // A sample without a real token is padded on no side.
  const sides = new Set(padding.filter((side, sample) => side !== 'none' && roles[sample]?.includes('r')));
  const [side = 'none'] = sides;
  const made = sides.size <= 1 && side !== 'both' && side !== 'inside' && memory === undefined;
  const lengths = roles.map((sample) => sample.replaceAll('p', '').length);
  return made ? ['--lengths', lengths.join(','), '--pad', side] : ['--inputs', 'BATCH.npz'];
}
