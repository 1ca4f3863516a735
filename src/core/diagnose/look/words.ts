/** What the masks tell of padding, as one sentence. */
import type { LookCase, MaskLook } from '../../report';

const rowsText = (rows: string): string =>
  /[-,]/.test(rows) ? `Rows ${rows.replaceAll('-', '–')} are` : `Row ${rows} is`;

const becomes: Readonly<Record<NonNullable<MaskLook['fill']>, string>> = {
  '-Infinity': 'every score of such a row is −inf, and softmax makes it NaN',
  finite: 'the fill is finite, so such a row attends to what is masked, without NaN',
  zeros: 'the kernel gives 0 for such a row, without NaN',
};

export function lookSentence(look: Pick<MaskLook, 'left' | 'right' | 'empty' | 'fill'>, padded: boolean): string {
  const { left, right, empty, fill } = look;
  if (!padded)
    return 'No padding mask reaches this attention: padding cannot mask anything, and real tokens attend to it.';
  const cases = [left, right, empty];
  if (cases.every(({ verdict }) => verdict === 'unknown'))
    return `What padding masks here is not known: ${left.reason ?? 'its masks cannot be read'}.`;
  const parts = [
    atSide(left, 'position 0 is padding', 'of a sample with a single real token, left-padded,'),
    atSide(right, 'the last position is padding', 'of a sample with a single real token, right-padded,'),
    empty.verdict === 'fully-masked' ? `${rowsText(empty.rows)} fully masked in a sample that is all padding.` : '',
  ].filter((part) => part !== '');
  if (parts.length === 0)
    return 'No padding masks a whole row here: every row keeps a key, whichever side is padded, even in an empty sample.';
  const safe = [left.verdict === 'safe' ? 'left' : '', right.verdict === 'safe' ? 'right' : ''].filter(Boolean);
  return [
    ...parts,
    ...(safe.length > 0 ? [`Padding at the ${safe.join(' or the ')} masks no whole row.`] : []),
    ...(fill === null ? [] : [`${capital(becomes[fill])}.`]),
  ].join(' ');
}

function atSide({ verdict, rows, rowsAtMost }: LookCase, when: string, extreme: string): string {
  if (verdict !== 'fully-masked') return '';
  if (rows !== '') return `${rowsText(rows)} fully masked whenever ${when}.`;
  return `${rowsText(rowsAtMost).replace(/ (is|are)$/, '')} ${extreme} ${/[-,]/.test(rowsAtMost) ? 'are' : 'is'} fully masked.`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
