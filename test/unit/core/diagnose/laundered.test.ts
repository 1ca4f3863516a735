/** What counts as having reached a place that was clean at the birth. */
import { describe, expect, it } from 'vitest';
import { laundered } from '../../../../src/core/diagnose/silent/laundered';
import type { Flags } from '../../../../src/core/trace/health';
import { clean, NAN } from '../../../../src/core/trace/health';

const at = (text: string, sequence = 0): Flags => ({
  ...clean,
  positions: text.length,
  perPosition: true,
  sequence,
  bits: Uint8Array.from(text, (letter) => (letter === 'x' ? NAN : 0)),
});

describe('laundered', () => {
  it('another position', () => {
    expect(laundered.holds(at('x...'), [at('xx..')])).toBe(true);
  });

  it('the same position of another sequence: an encoder’s NaN in its decoder', () => {
    expect(laundered.holds(at('x...', 1), [at('x...', 0)])).toBe(true);
  });

  it('not its own position, nor another sequence that stayed clean', () => {
    expect(laundered.holds(at('x...'), [at('x...'), at('....', 1)])).toBe(false);
  });
});
