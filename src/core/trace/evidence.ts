/** Reading evidence: plain JSON whose keys depend on the mechanism, so nothing in it is taken for granted. */
import type { Evidence, EvidenceValue } from '../report';

/** The fields of an object; none where `value` is something else. */
export const recordIn = (value: EvidenceValue | undefined): Readonly<Record<string, EvidenceValue>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, EvidenceValue>>)
    : {};
const list = (value: EvidenceValue | undefined): readonly EvidenceValue[] =>
  Array.isArray(value) ? (value as readonly EvidenceValue[]) : [];

/** Names in a list; empty where `value` is none. */
export const namesIn = (value: EvidenceValue | undefined): readonly string[] =>
  list(value).filter((entry): entry is string => typeof entry === 'string');

/** The operand that is infinite in the first example of an undefined operation; null where none is. */
export function infiniteOperand({ operands, examples }: Evidence): string | null {
  const { values, factors } = recordIn(list(examples)[0]);
  const at = list(values ?? factors).findIndex((value) => value === 'Infinity' || value === '-Infinity');
  return at < 0 ? null : (namesIn(operands)[at] ?? null);
}

/** The node of the graph whose bodies a finding is inside of; null where it is in no body. */
export function outermostNode({ inside }: Evidence): string | null {
  const { node } = recordIn(list(inside)[0]);
  return typeof node === 'string' ? node : null;
}
