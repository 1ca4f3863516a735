/** Handles under which values wait in a rank's process: one is used again as soon as what it held was read last. */
import type { Segment } from '../../core/parallel/cut';

export class Slots {
  private readonly lastReader = new Map<string, number>();
  private readonly taken = new Map<string, string>();
  private readonly free: string[] = [];
  private made = 0;

  constructor(segments: readonly Pick<Segment, 'reads'>[]) {
    segments.forEach(({ reads }, at) => {
      for (const value of reads) this.lastReader.set(value, at);
    });
  }

  /** Whether a segment behind this one reads it. */
  isRead(value: string, behind: number): boolean {
    return (this.lastReader.get(value) ?? -1) > behind;
  }

  take(value: string): string {
    const slot = this.taken.get(value) ?? this.free.pop() ?? `slot ${String(this.made++)}`;
    this.taken.set(value, slot);
    return slot;
  }

  of(value: string): string {
    const slot = this.taken.get(value);
    if (slot === undefined) throw new Error(`${value} is not kept`);
    return slot;
  }

  freeAfter(segment: number): void {
    for (const [value, slot] of [...this.taken]) {
      if (this.isRead(value, segment)) continue;
      this.taken.delete(value);
      this.free.push(slot);
    }
  }
}
