import type { Duplex } from 'node:stream';

/** Answers that leave together at most, so that none waits for longer than some ms. */
export const MAX_TOGETHER = 16;

/**
 * What is said first to clients that connect: the 101, the welcome, what was missed. It leaves when a turn of the event
 * loop brings no further client, or when enough of them wait. In a burst each turn brings one (libuv accepts one
 * connection a turn), and a write for each would wake who reads at the other end, a proxy on this machine say, as often.
 */
export class UpgradeAnswers {
  private corked: Duplex[] = [];
  /** How many there were a turn ago. */
  private before = 0;
  private isDue = false;

  /** Takes over a socket that is corked. */
  add(socket: Duplex): void {
    this.corked.push(socket);
    if (this.corked.length === MAX_TOGETHER) this.flush();
    if (this.isDue) return;
    this.isDue = true;
    setImmediate(this.look);
  }

  private readonly look = (): void => {
    if (this.corked.length > this.before) {
      this.before = this.corked.length;
      setImmediate(this.look);
      return;
    }
    this.isDue = false;
    this.flush();
  };

  private flush(): void {
    const { corked } = this;
    this.corked = [];
    this.before = 0;
    for (const socket of corked) socket.uncork();
  }
}
