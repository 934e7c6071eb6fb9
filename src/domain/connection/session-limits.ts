const DAY = 24 * 3_600_000;

/** Upper bounds of TOKEN_TTL and SESSION_TTL, in ms: whatever a node was started with, no token of it is good for longer. */
export const MAX_TOKEN_TTL = 15 * 60_000;
export const MAX_SESSION_TTL = 30 * DAY;
/**
 * ms for which the end of a session is remembered, longer than any token of it is good. It does not follow SESSION_TTL: a token
 * keeps the one of the time at which it was issued.
 */
export const END_MEMORY = MAX_SESSION_TTL + DAY;
/** ms for which the log of these ends keeps its entries. */
export const END_LOG_AGE = END_MEMORY + DAY;
