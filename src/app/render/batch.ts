/** The batch in words: how large it is and where its padding lies, of each of its sequences. */
import { paddingSide } from '../../core/batch/roles';
import type { BatchInfo } from '../../core/report';

/** Where a sample's padding is; `all` for one without a real token, which is padded on no side. */
export const sideOf = (roles: string): string =>
  roles.length > 0 && !roles.includes('r') ? 'all' : paddingSide(roles);

/** `left, none`, or `left ×5, none` where samples repeat. */
export function paddingText(roles: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const side of roles.map(sideOf)) {
    counts.set(side, (counts.get(side) ?? 0) + 1);
  }
  return [...counts]
    .map(([side, count]) => (count === 1 || counts.size === 1 ? side : `${side} ×${String(count)}`))
    .join(', ');
}

/** `2 × 35, padding left, none`; of an encoder-decoder model `; memory 2 × 12, padding right, none` too. */
export function batchText({ samples, positions, roles, memory }: BatchInfo): string {
  const one = (length: number, own: readonly string[]): string =>
    `${String(samples)} × ${String(length)}${own.join('') === '' ? '' : `, padding ${paddingText(own)}`}`;
  return `${one(positions, roles)}${memory === undefined ? '' : `; memory ${one(memory.positions, memory.roles)}`}`;
}

/** `sample 0 (30 pad)`; `sample 0 (2 pad, memory 3)` where the encoder's sequence has roles of its own. */
export function sampleTitle({ roles, memory }: Pick<BatchInfo, 'roles' | 'memory'>, sample: number): string {
  const own = padsOf(roles[sample] ?? '');
  const other = padsOf(memory?.roles[sample] ?? '');
  const notes = [
    own === null ? '' : `${own} pad`,
    other === null ? '' : `memory ${other}${own === null ? ' pad' : ''}`,
  ];
  const said = notes.filter((note) => note !== '').join(', ');
  return `sample ${String(sample)}${said === '' ? '' : ` (${said})`}`;
}

function padsOf(roles: string): string | null {
  const pads = roles.length - roles.replaceAll('p', '').length;
  return pads === 0 ? null : pads === roles.length ? 'all' : String(pads);
}
