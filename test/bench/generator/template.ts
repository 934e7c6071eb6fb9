/** Where the number of a user goes; the same text in routing keys and bodies. */
export const USER = 'u00000';
/** Where the number of a message goes: unique in a run. */
export const SEQUENCE = 'n000000000';
/** Where the time goes at which it was sent, in µs of the machine's monotonic clock. */
export const STAMP = '@@0000000000000000@@';
const STAMP_MARK = Buffer.from('@@');
const STAMP_DIGITS = 16;

/** µs of a clock that all processes of this machine share. */
export function microseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.floor(nanoseconds / 1000);
}

/** The time that a payload carries; undefined when it carries none. */
export function stampIn(payload: Buffer): number | undefined {
  const at = payload.indexOf(STAMP_MARK);
  if (at === -1) return undefined;
  let stamp = 0;
  for (let i = at + 2; i < at + 2 + STAMP_DIGITS; i += 1) {
    stamp = stamp * 10 + ((payload[i] ?? 0) - 48);
  }
  return stamp;
}

/** Bytes with places for numbers, written many times without making a string. */
export class Template {
  private readonly users: readonly number[];
  private readonly sequences: readonly number[];
  private readonly stamps: readonly number[];

  constructor(private readonly bytes: Buffer) {
    this.users = placesOf(bytes, USER);
    this.sequences = placesOf(bytes, SEQUENCE);
    this.stamps = placesOf(bytes, STAMP);
  }

  get length(): number {
    return this.bytes.length;
  }

  /** Writes it into `target` at `at`, with these numbers. */
  write(target: Buffer, at: number, user: number, sequence: number, stamp: number): void {
    this.bytes.copy(target, at);
    for (const place of this.users) digits(target, at + place + 1, USER.length - 1, user);
    for (const place of this.sequences)
      digits(target, at + place + 1, SEQUENCE.length - 1, sequence);
    for (const place of this.stamps) digits(target, at + place + 2, STAMP_DIGITS, stamp);
  }
}

/** The name of a user, as templates write it. */
export function userName(user: number): string {
  return `u${String(user).padStart(USER.length - 1, '0')}`;
}

function placesOf(bytes: Buffer, text: string): readonly number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) places.push(at);
  return places;
}

function digits(target: Buffer, at: number, count: number, value: number): void {
  let rest = value;
  for (let i = at + count - 1; i >= at; i -= 1) {
    const next = Math.floor(rest / 10);
    target[i] = 48 + rest - next * 10;
    rest = next;
  }
}
