// What the demonstration tells, in the order in which it happens: measured values only. How it looks is story.ts's.
import type { Rebinding, SceneName, SceneResult, Seen } from './scene.js';

export type DemoEvent =
  | { readonly event: 'ready'; readonly tookMs: number }
  /** Where the latched call can be seen. Whoever has the address can watch. */
  | { readonly event: 'watch'; readonly url: string }
  | {
      readonly event: 'scene';
      readonly scene: SceneName;
      readonly server: string;
      readonly media: string;
      readonly processes: number;
    }
  | { readonly event: 'met'; readonly scene: SceneName; readonly callers: readonly Seen[] }
  | {
      readonly event: 'spray';
      readonly scene: SceneName;
      readonly media: string;
      /** The impostor has the SSRCs and the sequence numbers of both. */
      readonly knowsNumbers: boolean;
    }
  | { readonly event: 'interim'; readonly result: SceneResult }
  | { readonly event: 'rebinding'; readonly scene: SceneName; readonly name: string }
  | ({ readonly event: 'rebound'; readonly scene: SceneName } & Rebinding)
  | { readonly event: 'result'; readonly result: SceneResult; readonly rebinding: Rebinding | undefined }
  | { readonly event: 'table'; readonly columns: readonly Column[] }
  | { readonly event: 'verdict'; readonly verdict: Verdict }
  | {
      readonly event: 'join';
      /** Joined by a space it is the command that calls in. */
      readonly command: readonly [call: string, trust: string];
      readonly lines: readonly string[];
    };

/** One scene in the table. */
export interface Column {
  readonly result: SceneResult;
  /** Undefined: no NAT rebound while it was played. */
  readonly rebinding: Rebinding | undefined;
}

/** What the measured values say about the two claims: the latched call is safe, and the attack is real. */
export interface Verdict {
  readonly isPassed: boolean;
  /** What failed; or, in one sentence, what was shown. */
  readonly findings: readonly string[];
}

/** A guarded call from which anything was taken, or a blind one from which nothing was, is a failed demonstration. */
export function judge(columns: readonly Column[]): Verdict {
  const failures = columns.flatMap((column) => failuresOf(column));
  if (failures.length > 0) return { isPassed: false, findings: failures };
  const shown = columns.map(({ result }) => SHOWN[result.scene]);
  return { isPassed: true, findings: shown.length === 0 ? ['there was no time to show anything'] : shown };
}

const SHOWN = {
  latched: 'nothing was stolen from the latched call, and nothing injected',
  evidence: 'nothing was stolen from phones without a key either, and nothing injected',
  blind: 'the same attack on the blindly latched call worked',
} as const;

const CALLS = { latched: 'the latched call', evidence: 'the call of phones without a key' } as const;

function failuresOf({ result, rebinding }: Column): string[] {
  const { scene, stolen, injected, unroutable } = result;
  const failures: string[] = [];
  if (scene !== 'blind') {
    const call = CALLS[scene];
    if (stolen > 0) failures.push(`${stolen} packets were stolen from ${call}`);
    if (injected > 0) failures.push(`${injected} packets were injected into ${call}`);
    if (rebinding && rebinding.backMs === undefined) failures.push(`${call} was lost when the NAT rebound`);
  } else if (stolen === 0) {
    failures.push('blind latching lost nothing: the attack does not work here, and so proves nothing');
  }
  if (unroutable > 0) failures.push(`${unroutable} packets were meant for private addresses (and not sent)`);
  return failures;
}
