import { Module } from '@nestjs/common';

import { ReportBuildHandler } from './report-build.handler';

@Module({ providers: [ReportBuildHandler] })
export class ReportBuildModule {}
