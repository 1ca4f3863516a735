/** Figures against what the project promises; every one is printed, whether it holds or not. */
export class Limits {
  private broken = 0;

  /** @param unit behind both numbers, as in `MB`; ratios have none. */
  atMost(what: string, value: number, limit: number, unit = ''): void {
    this.line(what, value, `≤ ${String(limit)}${unit}`, value <= limit, unit);
  }

  atLeast(what: string, value: number, limit: number, unit = ''): void {
    this.line(what, value, `≥ ${String(limit)}${unit}`, value >= limit, unit);
  }

  note(what: string, value: number, unit = ''): void {
    this.line(what, value, '', true, unit);
  }

  /** 0 when all limits were kept. */
  get exitCode(): 0 | 1 {
    return this.broken === 0 ? 0 : 1;
  }

  private line(what: string, value: number, limit: string, kept: boolean, unit: string): void {
    // NaN keeps no limit: a figure that could not be taken is not a good one.
    if (!kept) this.broken++;
    const shown = `${value.toFixed(unit === '' ? 3 : 0)}${unit}`;
    console.log(`  ${what.padEnd(58)} ${shown.padStart(10)}  ${limit}${kept ? '' : '  NOT KEPT'}`);
  }
}
