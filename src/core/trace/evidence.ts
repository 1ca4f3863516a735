/** Reading evidence: plain JSON whose keys depend on the mechanism, so nothing in it is taken for granted. */
import type { Evidence, EvidenceValue } from '../report';

/** Names in a list; empty where `value` is none. */
export const namesIn = (value: EvidenceValue | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [];

/** The node of the graph whose bodies a finding is inside of; null where it is in no body. */
export function outermostNode({ inside }: Evidence): string | null {
  const frames: readonly unknown[] = Array.isArray(inside) ? inside : [];
  const [first] = frames;
  return typeof first === 'object' && first !== null && 'node' in first && typeof first.node === 'string'
    ? first.node
    : null;
}
