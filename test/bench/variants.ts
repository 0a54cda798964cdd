// All ways to forward that are measured. One more is one more line here.
import { coturnVariant } from './coturn-variant.js';
import type { NativePrograms } from './native.js';
import { nativeVariant } from './native-variant.js';
import { nodeVariant } from './node-variant.js';
import { rtpengineVariant } from './rtpengine-variant.js';
import type { Variant } from './variant.js';

export function allVariants(programs: NativePrograms): readonly Variant[] {
  return [
    nativeVariant(programs, 'mmsg'),
    nativeVariant(programs, 'gso'),
    nodeVariant({ name: 'dgram', title: 'plain node:dgram', mode: 'dgram', io: 'dgram' }),
    nodeVariant({ name: 'guard', title: 'guarded dgram', mode: 'guard', io: 'dgram' }),
    nodeVariant({ name: 'bind', title: '`bind` and a fan-out by hand', mode: 'bind', io: 'dgram' }),
    nodeVariant({ name: 'room', title: '`latchkey/room` on dgram', mode: 'room', io: 'dgram' }),
    nodeVariant({ name: 'room-batch', title: '`latchkey/room`, batched', mode: 'room', io: 'batch' }),
    nodeVariant({ name: 'room-gather', title: '`latchkey/room`, gathering', mode: 'room', io: 'gather' }),
    rtpengineVariant,
    coturnVariant,
  ];
}
