/** Time and identity: what makes a run repeatable when it is faked. */
export abstract class Clock {
  /** ms since epoch. */
  abstract now(): number;
  /** ms since some moment, which no correction of the clock changes: for durations. */
  abstract elapsed(): number;
  /** A time-ordered UUID (RFC 9562 version 7). */
  abstract newId(): string;
}
