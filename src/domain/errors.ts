import { errorRow, type ErrorCode } from '../protocol/codes';

/**
 * A request that is answered with a code of the one table, caused by the caller unless `retryable`.
 * `field` names the part of the input at fault; the message never carries a secret.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(
    readonly code: ErrorCode,
    message: string = errorRow(code).description,
    readonly field?: string,
  ) {
    super(message);
  }

  get retryable(): boolean {
    return errorRow(this.code).retryable;
  }

  /** A field with a wrong value: the message starts with the field's name. */
  static field(field: string, rule: string): Refusal {
    return new Refusal('BAD_FIELD', `${field} ${rule}`, field);
  }
}

/** Thrown by a handler: the same message may succeed later, so it is delivered again after a delay. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
}
