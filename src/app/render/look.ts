/** The static look in words. */
import type { LookCase, MaskLook } from '../../core/report';
import { formatRanges } from '../../core/trace/ranges';

/** `layers 0–3, written out: /layers.0/self_attn/Softmax and 3 more` */
export function lookPlace({ layers, nodes, kind }: MaskLook): string {
  const known = layers.filter((layer) => layer !== null);
  const ranges = formatRanges(Math.max(-1, ...known) + 1, (layer) => known.includes(layer)).replaceAll('-', '–');
  const where = known.length === 0 ? '' : `${known.length === 1 ? 'layer' : 'layers'} ${ranges}, `;
  const more = nodes.length - 1;
  return `${where}${kind === 'eager' ? 'written out' : 'fused'}: ${nodes[0] ?? ''}${more > 0 ? ` and ${String(more)} more` : ''}`;
}

/** What the masks say, and what this run says to it. */
export function lookText({ sentence, left, right, empty, confirmed }: MaskLook): string {
  if (confirmed === 'not-tested') return sentence;
  const of = (outcome: LookCase['confirmed']): string =>
    [
      left.confirmed === outcome ? 'left padding' : '',
      right.confirmed === outcome ? 'right padding' : '',
      empty.confirmed === outcome ? 'an empty sample' : '',
    ]
      .filter((text) => text !== '')
      .join(' and ');
  const refuted = of('refuted');
  return refuted === ''
    ? `${sentence} This run confirms it (${of('confirmed')}).`
    : `${sentence} This run refutes it (${refuted}).`;
}
