import type { ValidationError } from 'class-validator';

import { Refusal } from '../../domain/errors';

/** The first thing that a DTO's decorators found, as a refusal that names the field. */
export function asRefusal([error]: ValidationError[]): Refusal {
  const field = error?.property ?? 'body';
  const [[rule, text] = []] = Object.entries(error?.constraints ?? {});
  if (rule === 'whitelistValidation')
    return new Refusal('UNKNOWN_FIELD', `${field} is not a field`, field);
  return new Refusal('BAD_FIELD', text ?? `${field} is wrong`, field);
}
