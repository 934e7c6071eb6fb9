import type { Refusal } from '../../domain/errors';
import { errorRow } from '../../protocol/codes';

/** Every REST answer: `result` 0 is success, anything else a code of the one error table. */
export interface Answer<T> {
  readonly result: number;
  readonly description: string;
  readonly data: T;
}

export interface RefusalData {
  readonly code: string;
  readonly field?: string;
  readonly messageId?: string;
  readonly retryable: boolean;
}

export function success<T>(data: T): Answer<T> {
  return { result: 0, description: '', data };
}

export function refused(refusal: Refusal, messageId?: string): Answer<RefusalData> {
  const { code, field, message, retryable } = refusal;
  return {
    result: errorRow(code).result,
    description: message,
    data: {
      code,
      ...(field !== undefined && { field }),
      ...(messageId !== undefined && { messageId }),
      retryable,
    },
  };
}
