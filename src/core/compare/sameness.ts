/** Whether two samples show the same NaN, by as much as they can be compared by. */
import { formatRanges, parseRanges } from '../trace/ranges';
import type { Basis, ComparedCell } from './types';

/** @param one roles of a sample, @param other roles of the sample beside it */
export function basisOf(one: string, other: string): Basis {
  if (one === other) return 'positions';
  return realTokens(one) === realTokens(other) ? 'tokens' : 'kind';
}

const realTokens = (roles: string): number => roles.length - roles.replaceAll('r', '').length;

/** What is compared of a cell: cells with the same text show the same. */
export function looksLike(cell: ComparedCell, roles: string, basis: Basis): string {
  switch (basis) {
    case 'positions':
      return `${cell.nanAt} of ${String(cell.of)}`;
    case 'tokens': {
      // A row of some positions only (the last token, new ones behind a past) has no roles of its own.
      const real = cell.of === roles.length ? tokensOf(cell.nanAt, roles) : share(cell.realNan, cell.real);
      return `${share(cell.padNan, cell.pad)} of padding, real tokens ${real}`;
    }
    case 'kind':
      return `${share(cell.padNan, cell.pad)} of padding, ${share(cell.realNan, cell.real)} of real tokens`;
  }
}

/** NaN positions as indices among the real tokens. */
function tokensOf(nanAt: string, roles: string): string {
  const nan = new Set<number>();
  for (const { from, to } of parseRanges(nanAt)) for (let at = from; at <= to; at++) nan.add(at);
  const real = Array.from(roles, (role, at) => (role === 'r' ? at : -1)).filter((at) => at >= 0);
  return formatRanges(real.length, (index) => nan.has(real[index] ?? -1));
}

const share = (nan: number, of: number): 'none' | 'some' | 'all' => (nan === 0 ? 'none' : nan < of ? 'some' : 'all');

const order: readonly Basis[] = ['positions', 'tokens', 'kind'];

export const weaker = (one: Basis, other: Basis): Basis => (order.indexOf(one) > order.indexOf(other) ? one : other);
