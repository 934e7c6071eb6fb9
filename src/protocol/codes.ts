import { CloseCode } from './close-codes';

interface ErrorRow {
  /** `result` of a REST answer. */
  readonly result: number;
  readonly http: number;
  /** The close code, where the error ends a connection. */
  readonly close?: CloseCode;
  /** True when the same request may succeed later. */
  readonly retryable: boolean;
  /** What it means, for people; a refusal adds the particulars. */
  readonly description: string;
}

/** The one table of errors: `code` in a `rejected` frame, `result` and status of a REST answer, close code. */
export const ERRORS = {
  BAD_JSON: { result: 40001, http: 400, retryable: false, description: 'not a JSON object' },
  BAD_FIELD: {
    result: 40002,
    http: 400,
    retryable: false,
    description: 'a field has a wrong value',
  },
  UNKNOWN_FIELD: {
    result: 40003,
    http: 400,
    retryable: false,
    description: 'a field is not known',
  },
  TOO_DEEP: { result: 40004, http: 400, retryable: false, description: 'nested too deeply' },
  UNKNOWN_OP: { result: 40005, http: 400, retryable: false, description: 'op is not known' },
  BAD_CURSOR: {
    result: 40006,
    http: 400,
    retryable: false,
    description: 'not a cursor of this connection',
  },
  BINARY: { result: 40007, http: 400, retryable: false, description: 'binary frames are not used' },
  ABUSE: {
    result: 40008,
    http: 400,
    close: CloseCode.ABUSE,
    retryable: false,
    description: 'too many bad frames',
  },
  BAD_REQUEST: {
    result: 40009,
    http: 400,
    retryable: false,
    description: 'the request is malformed',
  },
  UNAUTHENTICATED: {
    result: 40101,
    http: 401,
    retryable: false,
    description: 'no valid credentials',
  },
  TOKEN_EXPIRED: {
    result: 40102,
    http: 401,
    close: CloseCode.TOKEN,
    retryable: false,
    description: 'the token has expired',
  },
  TOKEN_USED: {
    result: 40103,
    http: 401,
    close: CloseCode.TOKEN,
    retryable: false,
    description: 'the token was used already',
  },
  SESSION_ENDED: {
    result: 40104,
    http: 401,
    close: CloseCode.ENDED,
    retryable: false,
    description: 'a service has ended the session',
  },
  SESSION_REPLACED: {
    result: 40105,
    http: 401,
    close: CloseCode.REPLACED,
    retryable: false,
    description: 'the user has begun another session, which is the only one',
  },
  FORBIDDEN: { result: 40301, http: 403, retryable: false, description: 'not permitted' },
  ORIGIN: { result: 40302, http: 403, retryable: false, description: 'the origin is not allowed' },
  NOT_FOUND: { result: 40401, http: 404, retryable: false, description: 'no such resource' },
  METHOD: { result: 40501, http: 405, retryable: false, description: 'the method is not allowed' },
  OTHER_PARTITION: {
    result: 42101,
    http: 421,
    close: CloseCode.TOKEN,
    retryable: false,
    description: 'the token is for a user whom other nodes serve; connect to its own URL',
  },
  TOO_LARGE: {
    result: 41301,
    http: 413,
    close: CloseCode.TOO_BIG,
    retryable: false,
    description: 'larger than the limit',
  },
  MEDIA_TYPE: { result: 41501, http: 415, retryable: false, description: 'only application/json' },
  NO_HANDLER: {
    result: 42401,
    http: 424,
    retryable: false,
    description: 'no handler for this business type',
  },
  TOO_MANY: {
    result: 42901,
    http: 429,
    retryable: true,
    description: 'too many connections from this address; come again later',
  },
  INTERNAL: {
    result: 50001,
    http: 500,
    close: CloseCode.INTERNAL,
    retryable: true,
    description: 'a defect of the server',
  },
  UNAVAILABLE: {
    result: 50301,
    http: 503,
    close: CloseCode.OVERLOAD,
    retryable: true,
    description: 'the broker cannot take the message now; repeat it with the same messageId',
  },
  UNKNOWN_OUTCOME: {
    result: 50302,
    http: 503,
    retryable: true,
    description: 'not confirmed in time; repeat it with the same messageId',
  },
  OVERLOAD: {
    result: 50303,
    http: 503,
    close: CloseCode.OVERLOAD,
    retryable: true,
    description: 'too much at once; come again later',
  },
  RESTARTING: {
    result: 50304,
    http: 503,
    close: CloseCode.RESTART,
    retryable: true,
    description: 'the node is stopping',
  },
} as const satisfies Readonly<Record<string, ErrorRow>>;

export type ErrorCode = keyof typeof ERRORS;

/** The row of a code, with its optional parts visible to the type checker. */
export function errorRow(code: ErrorCode): ErrorRow {
  return ERRORS[code];
}
