import { Module } from '@nestjs/common';

import { ChargingStatusHandler } from './charging-status.handler';

@Module({ providers: [ChargingStatusHandler] })
export class ChargingStatusModule {}
