import { births } from './births';
import { crossings } from './crossings';
import { silent } from './silent';
import type { GuideEntry, Mechanism } from './types';

export type { GuideEntry, Mechanism } from './types';

const entries: Readonly<Record<Mechanism, GuideEntry>> = { ...births, ...crossings, ...silent };

export type MechanismKind = 'birth' | 'crossing' | 'silent';

/** In the order of a reader: births, crossings, silent trouble. */
export const mechanisms: readonly { readonly id: Mechanism; readonly kind: MechanismKind }[] = [
  ...ids(births).map((id) => ({ id, kind: 'birth' as const })),
  ...ids(crossings).map((id) => ({ id, kind: 'crossing' as const })),
  ...ids(silent).map((id) => ({ id, kind: 'silent' as const })),
];

export const guideTo = (mechanism: Mechanism): GuideEntry => entries[mechanism];

export const isMechanism = (id: string): id is Mechanism => Object.hasOwn(entries, id);

function ids<Id extends Mechanism>(part: Readonly<Record<Id, GuideEntry>>): Id[] {
  return Object.keys(part) as Id[];
}
