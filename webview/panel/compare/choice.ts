/** Which two variants, and which sample of them, the map lays on each other. */
import type { Basis, Comparison } from '../../../src/core/compare/types';
import type { PanelPage } from '../page';
import { basisOfPair, samplesOf, usualPair, usualSample, type Pair } from './cells';

export interface MapChoice {
  readonly pair: Pair;
  readonly sample: number;
  readonly basis: Basis;
}

const usual = new WeakMap<Comparison, Map<string, number>>();

/** What the person chose, as far as this comparison has it; else the first that differ. */
export function mapChoice(page: PanelPage, comparison: Comparison): MapChoice {
  const { comparePair, compareSample } = page.context.ui;
  const fits = comparePair?.every((at) => at < comparison.variants.length) ?? false;
  const pair = fits && comparePair !== null ? comparePair : usualPair(comparison);
  const samples = samplesOf(comparison, pair);
  const sample = compareSample !== null && compareSample < samples ? compareSample : usualSampleOf(comparison, pair);
  return { pair, sample, basis: basisOfPair(comparison, pair, sample) };
}

function usualSampleOf(comparison: Comparison, pair: Pair): number {
  const known = usual.get(comparison) ?? new Map<string, number>();
  usual.set(comparison, known);
  const key = pair.join();
  const sample = known.get(key) ?? usualSample(comparison, pair);
  known.set(key, sample);
  return sample;
}
