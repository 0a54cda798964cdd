// What the demonstration tells, in the order in which it happens: measured values only. How it looks is story.ts's.
import type { Rebinding, SceneName, SceneResult, Seen } from './scene.js';

export type DemoEvent =
  | { readonly event: 'ready'; readonly tookMs: number }
  | {
      readonly event: 'scene';
      readonly scene: SceneName;
      readonly server: string;
      readonly media: string;
      readonly processes: number;
    }
  | { readonly event: 'met'; readonly scene: SceneName; readonly callers: readonly Seen[] }
  | { readonly event: 'spray'; readonly scene: SceneName; readonly media: string }
  | { readonly event: 'interim'; readonly result: SceneResult }
  | { readonly event: 'rebinding'; readonly scene: SceneName; readonly name: string }
  | ({ readonly event: 'rebound'; readonly scene: SceneName } & Rebinding)
  | { readonly event: 'result'; readonly result: SceneResult; readonly rebinding: Rebinding | undefined }
  | { readonly event: 'table'; readonly columns: readonly Column[] }
  | { readonly event: 'verdict'; readonly verdict: Verdict }
  | { readonly event: 'join'; readonly command: string; readonly lines: readonly string[] };

/** One scene in the table. */
export interface Column {
  readonly result: SceneResult;
  /** Undefined: no NAT rebound while it was played. */
  readonly rebinding: Rebinding | undefined;
}

/** What the measured values say about the two claims: the call is safe, and the attack is real. */
export interface Verdict {
  readonly isPassed: boolean;
  readonly findings: readonly string[];
}

/** A latched call from which anything was taken, or a blind one from which nothing was, is a failed demonstration. */
export function judge(columns: readonly Column[]): Verdict {
  const findings: string[] = [];
  for (const { result, rebinding } of columns) {
    const { scene, stolen, injected } = result;
    if (scene === 'latched') {
      if (stolen > 0) findings.push(`${stolen} packets were stolen from the latched call`);
      if (injected > 0) findings.push(`${injected} packets were injected into the latched call`);
      if (rebinding && rebinding.backMs === undefined)
        findings.push('the latched call did not survive the rebinding');
    } else if (stolen === 0) {
      findings.push(
        'blind latching lost nothing: the attack does not work here, so the first half proves nothing',
      );
    }
    if (result.unroutable > 0)
      findings.push(`${result.unroutable} packets were sent to private addresses (the NATs dropped them)`);
  }
  return { isPassed: findings.length === 0, findings };
}
