import { describe, expect, it } from 'vitest';
import { Slots } from '../../../src/app/parallel/slots';

describe('handles of what a rank keeps', () => {
  it('are used again, never while what they hold is still read', () => {
    // Value v<i> is given by segment i and read by the two behind it.
    const segments = Array.from({ length: 40 }, (_, i) => ({ reads: [`v${String(i - 1)}`, `v${String(i - 2)}`] }));
    const slots = new Slots(segments);
    const used = new Set<string>();
    const holding = new Map<string, string>();
    for (let at = 0; at < 40; at += 1) {
      for (const value of segments[at]?.reads ?? []) {
        if (value.includes('-')) continue;
        expect(holding.get(slots.of(value))).toBe(value);
      }
      const own = `v${String(at)}`;
      if (slots.isRead(own, at)) {
        const slot = slots.take(own);
        holding.set(slot, own);
        used.add(slot);
      }
      slots.freeAfter(at);
    }
    expect(used.size).toBeLessThanOrEqual(3);
  });
});
