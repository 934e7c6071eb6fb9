/** ms that what is gathered waits at most, however long the confirms before it take. */
const LINGER = 3;

/**
 * When to write what comes together as one entry of the log: at the end of the turn while fewer than `eager` entries wait for
 * their confirm, else at the next confirm. `write` writes what was gathered, and does nothing when that is nothing.
 */
export class GroupCommit {
  private underWay = 0;
  private isDue = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly eager: number,
    private readonly write: () => void,
  ) {}

  /** Something was gathered. */
  schedule(): void {
    if (this.underWay < this.eager) {
      if (this.isDue) return;
      this.isDue = true;
      setImmediate(() => {
        this.isDue = false;
        this.write();
      });
    } else {
      this.timer ??= setTimeout(() => {
        this.write();
      }, LINGER);
    }
  }

  /** What was gathered is being written: nothing waits any more. */
  taken(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** An entry waits for its confirm, until `ended`. */
  began(): void {
    this.underWay += 1;
  }

  ended(): void {
    this.underWay -= 1;
    if (this.underWay < this.eager) this.write();
  }
}
