import { Module } from '@nestjs/common';

import { DisplayShowHandler } from './display-show.handler';

@Module({ providers: [DisplayShowHandler] })
export class DisplayShowModule {}
