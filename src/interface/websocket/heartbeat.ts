const SLOTS = 20;

interface Beating {
  onHeartbeat(): void;
}

/**
 * Gives every session its heartbeat with one timer for all: sessions are spread over slots, and each tick beats one
 * slot, so that 100 000 connections cost twenty small bursts and no timers of their own.
 */
export class Heartbeat<T extends Beating> {
  private readonly slots: Set<T>[] = Array.from({ length: SLOTS }, () => new Set<T>());
  private readonly slotOf = new Map<T, number>();
  private next = 0;
  private current = 0;

  /** ms between two ticks, for a heartbeat of `interval` ms. */
  static tickOf(interval: number): number {
    return interval / SLOTS;
  }

  add(session: T): void {
    const slot = this.next;
    this.next = (this.next + 1) % SLOTS;
    this.slots[slot]?.add(session);
    this.slotOf.set(session, slot);
  }

  remove(session: T): void {
    const slot = this.slotOf.get(session);
    if (slot === undefined) return;
    this.slotOf.delete(session);
    this.slots[slot]?.delete(session);
  }

  tick(): void {
    const slot = this.slots[this.current];
    this.current = (this.current + 1) % SLOTS;
    if (slot === undefined) return;
    for (const session of slot) session.onHeartbeat();
  }
}
