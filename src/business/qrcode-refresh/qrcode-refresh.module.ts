import { Module } from '@nestjs/common';

import { QrcodeRefreshHandler } from './qrcode-refresh.handler';

@Module({ providers: [QrcodeRefreshHandler] })
export class QrcodeRefreshModule {}
