/** The command line that repeats a diagnosis, as far as a report knows it. */
import type { Report } from '../../core/report';
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
 * What to run to see the report again. Exact for batches made from lengths; a batch that was read from a file has
 * to be given again, so the command names a placeholder.
 */
export function reproduceArguments(report: Report): readonly string[] {
  const { batch, model, observer } = report;
  const sides = new Set(batch.padding.filter((side) => side !== 'none'));
  const side = sides.size === 0 ? 'none' : [...sides][0];
  const lengths = batch.roles.map((roles) => roles.replaceAll('p', '').length);
  const level = observer?.userLevel?.level ?? 'all';
  const made = sides.size <= 1 && side !== 'both' && side !== 'inside' && batch.memory === undefined;
  const name = model.name.startsWith('-') ? ['--', model.name] : [model.name];
  return [
    'diagnose',
    ...(made && side !== undefined ? ['--lengths', lengths.join(','), '--pad', side] : ['--inputs', 'BATCH.npz']),
    ...(level === 'all' ? [] : ['--level', level]),
    ...name,
  ];
}
