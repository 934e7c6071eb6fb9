/** Who a connection is, as its token says; never taken from a message. */
export interface Identity {
  /** The business's own id of the user or page, at most 128 characters. */
  readonly uniqueId: string;
  /** `H5`, `WEB`, `APP` …; empty when the business does not tell them apart. */
  readonly clientType: string;
}
