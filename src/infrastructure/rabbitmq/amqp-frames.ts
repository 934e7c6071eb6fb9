/** Types of frames, and the byte that ends each (AMQP 0-9-1, section 4.2.3). */
export const METHOD = 1;
export const HEADER = 2;
export const BODY = 3;
export const FRAME_END = 0xce;

/** Bits of the flags of a message's properties, in the order in which these stand (its class reference, "Basic"). */
export const CONTENT_TYPE = 1 << 15;
export const HEADERS = 1 << 13;
export const DELIVERY_MODE = 1 << 12;
export const CORRELATION_ID = 1 << 10;
export const EXPIRATION = 1 << 8;
export const MESSAGE_ID = 1 << 7;
export const TIMESTAMP = 1 << 6;
export const TYPE = 1 << 5;
export const USER_ID = 1 << 4;
export const APP_ID = 1 << 3;
