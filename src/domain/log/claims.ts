/**
 * Who claimed a key first, in log order. Every node reads the same log and so decides alike
 * which connection owns a single-use token and which copy of a repeated message is worked on.
 */
export class Claims {
  private readonly winners = new Map<
    string,
    { readonly claimant: string; readonly time: number }
  >();

  /** Enters a claim as read from the log; true when the claimant is the owner. */
  enter(key: string, claimant: string, time: number): boolean {
    const winner = this.winners.get(key);
    if (winner !== undefined) return winner.claimant === claimant;
    this.winners.set(key, { claimant, time });
    return true;
  }

  /** True when somebody else than the claimant owns the key. */
  isTaken(key: string, claimant: string): boolean {
    const winner = this.winners.get(key);
    return winner !== undefined && winner.claimant !== claimant;
  }

  /** Forgets claims logged before `time` (ms since epoch), oldest first. */
  forgetBefore(time: number): void {
    for (const [key, claim] of this.winners) {
      if (claim.time >= time) return;
      this.winners.delete(key);
    }
  }

  clear(): void {
    this.winners.clear();
  }

  get size(): number {
    return this.winners.size;
  }
}
