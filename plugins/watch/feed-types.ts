// What goes to a page: lines of JSON, each one of these. No secret is in any of them. Times are milliseconds since 1970, by the
// server's clock.

/** What was counted in one interval of `sampleMs`, up to `at`: media that came, packets that were missing, and what was refused. */
export type Sample = readonly [at: number, got: number, lost: number, refused: number];

export interface Person {
  readonly id: string;
  readonly name: string;
  /** Of the call: `latch`, `ice`, `srtp`, `direct`, `evidence`, `legacy`, `none`, or `pending`; `carried` where its media comes by other signalling's own way. */
  readonly protection: string;
  readonly signalled?: string;
  readonly mapping?: string;
  readonly nat?: string;
  readonly hasVideo: boolean;
  /** Since the call began. */
  readonly refused: number;
  /** Addresses that sent media in this one's name and proved nothing: the last few. */
  readonly strangers: readonly string[];
  /** What it reports of what it hears. */
  readonly hears?: {
    readonly lossPercent: number;
    readonly jitterMs?: number;
    readonly roundTripMs?: number;
  };
}

export interface Happening {
  readonly at: number;
  /** The session that it is about. */
  readonly id: string;
  readonly name?: string;
  /** A type of a latch event, or `joined`, `left`, `mismatch`, `stranger`. */
  readonly kind: string;
  readonly remote?: string;
  readonly previous?: string;
  readonly signalled?: string;
  readonly nat?: string;
  readonly rttMs?: number;
  /** Of `locked`: `ssrc`, `sdp`, `home` or `question`. */
  readonly ground?: string;
  /** By what the address is told, where the event says so: what `evidence` tells is not proved. */
  readonly protection?: string;
}

export interface RoomLine {
  readonly name: string;
  readonly people: number;
}

export type FeedLine =
  /** The first: the last minute, as far as it is known. */
  | {
      readonly type: 'hello';
      readonly at: number;
      readonly room: string;
      readonly sampleMs: number;
      readonly windowMs: number;
      /** Whether pictures can be watched; `trouble` says why not where they should. */
      readonly video: { readonly isOn: boolean; readonly trouble?: string };
      readonly history: readonly {
        readonly id: string;
        readonly name: string;
        readonly samples: readonly Sample[];
      }[];
      readonly happenings: readonly Happening[];
    }
  /** How it is, every `sampleMs`. */
  | {
      readonly type: 'now';
      readonly at: number;
      readonly rooms: readonly RoomLine[];
      readonly people: readonly (Person & { readonly sample: Sample })[];
    }
  | { readonly type: 'happened'; readonly happening: Happening }
  /** The last. */
  | { readonly type: 'ended'; readonly at: number };
