import type { Report } from '../../src/core/report';
import { seedReport } from './seedReport';
import { hostileName } from './unsafeText';

/** Strings of a report that a model cannot choose. */
const fixed = new Set([
  'source', 'kind', 'optimization', 'padding', 'stage', 'port', 'block', 'axes', 'mechanism', 'verdict', 'reference',
  'level', 'roles', 'positions', 'nanAt', 'realMaxAbsDiff', 'maxAbsDiff',
]); // prettier-ignore

/** The seed report with a hostile name put into every string that could come from a model, keys included. */
export function hostileReport(): Report {
  const seed = seedReport();
  const poisoned: Report = {
    ...(poison(seed, '') as Report),
    engine: seed.engine,
    notes: [`A note about ${hostileName}.`],
    silent: (poison(seed.origins, '') as Report['origins']).map((origin) => ({ ...origin, mechanism: 'swallowed' })),
  };
  return {
    ...poisoned,
    batch: { ...poisoned.batch, inputs: { [hostileName]: { dtype: 'int64', shape: [2, 35] } } },
    origins: poisoned.origins.map((origin) => ({ ...origin, evidence: { [hostileName]: hostileName } })),
  };
}

function poison(value: unknown, key: string): unknown {
  if (typeof value === 'string') {
    return fixed.has(key) ? value : `${value}.${hostileName}`;
  }
  if (Array.isArray(value)) {
    return value.map((item) => poison(item, key));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, poison(inner, name)]));
  }
  return value;
}
