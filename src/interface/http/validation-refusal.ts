import type { ValidationError } from 'class-validator';

import { Refusal } from '../../domain/errors';

/**
 * What the first of a field's decorators that is not content says, as a refusal that names the field. class-validator lists
 * them from the last to the first.
 */
export function asRefusal([error]: ValidationError[]): Refusal {
  const field = error?.property ?? 'body';
  const [rule, text] = Object.entries(error?.constraints ?? {}).at(-1) ?? [];
  if (rule === 'whitelistValidation')
    return new Refusal('UNKNOWN_FIELD', `${field} is not a field`, field);
  return new Refusal('BAD_FIELD', text ?? `${field} is wrong`, field);
}
