import { describe, expect, it } from 'vitest';
import { overflowRisk } from '../../../src/core/diagnose/silent/overflowRisk';

const of = (label: string, dtype: string, absMax: number) => ({ label, dtype, absMax });

describe('values near the limit of float16', () => {
  it('in a float16 model: the margin that is left', () => {
    const risk = overflowRisk([of('a', 'float16', 60000), of('b', 'float16', 17000), of('c', 'float16', 16000)]);
    expect(risk).toMatchObject({
      at: 0,
      limitOf: 'float16',
      evidence: { dtype: 'float16', absMax: 60000, limit: 65504, places: 2 },
    });
    expect(risk?.explanation).toContain('Everything is finite here, but a factor of 1.09 is all that is left.');
  });

  it('where something has left the range already, nothing is said to be finite', () => {
    const risk = overflowRisk([of('a', 'float16', 60000)], { allFinite: false });
    expect(risk?.explanation).toContain('Other values of this run are not finite; here a factor of 1.09 is left.');
    expect(risk?.explanation).not.toContain('Everything');
  });

  it('a model with parts in float32 is looked at where it is float16: those parts are there to hold more', () => {
    const island = [of('norm', 'float32', 1e6), of('a', 'float16', 30000)];
    expect(overflowRisk(island)).toMatchObject({ at: 1, evidence: { dtype: 'float16', places: 1 } });
    expect(overflowRisk([of('norm', 'float32', 1e6), of('a', 'float16', 3)])).toBeNull();
    expect(overflowRisk([of('norm', 'float32', 3e38), of('a', 'float16', 3)])).toMatchObject({
      at: 0,
      limitOf: 'float32',
    });
  });

  it('in a float32 model: what float16 would make of it', () => {
    const risk = overflowRisk([of('a', 'float32', 66246)]);
    expect(risk?.explanation).toContain('in float16 the same value is infinite');
    expect(overflowRisk([of('a', 'float32', 16000)])).toBeNull();
  });
});
