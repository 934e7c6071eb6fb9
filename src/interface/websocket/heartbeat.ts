const SLOTS = 20;

interface Beating {
  /** The slot that the heartbeat has given it. */
  slot: number;
  onHeartbeat(): void;
}

/**
 * Gives every session its heartbeat with one timer for all: sessions are spread over slots, and each tick beats one
 * slot, so that 100 000 connections cost twenty small bursts and no timers of their own.
 */
export class Heartbeat<T extends Beating> {
  private readonly slots: Set<T>[] = Array.from({ length: SLOTS }, () => new Set<T>());
  private next = 0;
  private current = 0;

  /** ms between two ticks, for a heartbeat of `interval` ms. */
  static tickOf(interval: number): number {
    return interval / SLOTS;
  }

  /** Every session that has been added and not removed. */
  get sessions(): T[] {
    return this.slots.flatMap((slot) => [...slot]);
  }

  get size(): number {
    return this.slots.reduce((size, slot) => size + slot.size, 0);
  }

  add(session: T): void {
    session.slot = this.next;
    this.slots[this.next]?.add(session);
    this.next = (this.next + 1) % SLOTS;
  }

  remove(session: T): void {
    this.slots[session.slot]?.delete(session);
  }

  tick(): void {
    const slot = this.slots[this.current];
    this.current = (this.current + 1) % SLOTS;
    if (slot === undefined) return;
    for (const session of slot) session.onHeartbeat();
  }
}
