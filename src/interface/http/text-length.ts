import { buildMessage, ValidateBy, type ValidationOptions } from 'class-validator';

/**
 * A string of so many UTF-16 code units, as LIMITS counts them. class-validator's own rule counts a pair of surrogates as
 * one, so that what it lets pass may be too long for a token or a message.
 */
export function TextLength(
  min: number,
  max: number,
  options?: ValidationOptions,
): PropertyDecorator {
  const rule = `must be longer than or equal to ${String(min)} and shorter than or equal to ${String(max)} characters`;
  return ValidateBy(
    {
      name: 'textLength',
      validator: {
        validate: (value: unknown) =>
          typeof value === 'string' && value.length >= min && value.length <= max,
        defaultMessage: buildMessage((each) => `${each}$property ${rule}`, options),
      },
    },
    options,
  );
}
