import { type ArgumentMetadata, ValidationPipe } from '@nestjs/common';

import { Refusal } from '../../domain/errors';
import { asRefusal } from './validation-refusal';

/** Makes DTOs of what came, and refuses what is not in them by name. */
export class DtoPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      exceptionFactory: asRefusal,
    });
  }

  override transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    // class-transformer leaves out `constructor`, `__proto__` and the like before anybody could refuse them.
    const names = this.toValidate(metadata) ? Object.keys(Object(value) as object) : [];
    for (const name of names) {
      if (name in Object.prototype)
        throw new Refusal('UNKNOWN_FIELD', `${name} is not a field`, name);
    }
    return super.transform(value, metadata) as Promise<unknown>;
  }
}
