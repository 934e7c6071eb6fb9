import { Module } from '@nestjs/common';

import { PaymentResultHandler } from './payment-result.handler';

@Module({ providers: [PaymentResultHandler] })
export class PaymentResultModule {}
