/** p50, p99 and the longest, in µs. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Collects durations in µs. */
export class Latencies {
  private values = new Float64Array(65_536);
  private count = 0;

  add(microseconds: number): void {
    if (this.count === this.values.length) {
      const longer = new Float64Array(this.count * 2);
      longer.set(this.values);
      this.values = longer;
    }
    this.values[this.count] = microseconds;
    this.count += 1;
  }

  clear(): void {
    this.count = 0;
  }

  /** Undefined when nothing was added. */
  spread(): Spread | undefined {
    if (this.count === 0) return undefined;
    const sorted = this.values.slice(0, this.count).sort();
    const at = (share: number): number =>
      sorted[Math.min(this.count - 1, Math.floor(this.count * share))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}
