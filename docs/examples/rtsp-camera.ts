// An RTSP camera in a SIP room: whoever calls sip:NAME@host sees and hears the cameras of the room NAME, and the other callers.
// Nothing is transcoded: a phone sees a camera that has a codec of its own, and the log says where there is none in common.
//
// A camera or an ffmpeg that publishes does so at rtsp://host:PORT/ROOM/CAMERA. One that waits to be asked, as most do, is fetched: tell
// its URL, and ffmpeg brings it in, again and again where it fails.
//
// Run: `node --import=tsx docs/examples/rtsp-camera.ts [ROOM rtsp://CAMERA/STREAM]`. It listens on this machine only. Ctrl-C ends it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import sip from 'sip';
import { latchRtsp } from 'latchkey/rtsp';
import { createDistributionServer } from 'latchkey/server';
import { latchSip } from 'latchkey/sip';

const RETRY_MS = 500;
const RETRY_MS_MAX = 30_000;
/** What ran for so long was no failure: the next try comes soon again. */
const GOOD_MS = 10_000;

const server = createDistributionServer({
  signalling: (latchkey) => latchSip(sip, latchkey),
  listen: { udp: 'auto', tcp: 'auto' },
});
const rtsp = latchRtsp({ server, listen: { rtsp: 'auto' } });
server.on('joined', ({ room, call }) => console.log('joined', room, call));
server.on('left', ({ room, call }) => console.log('left', room, call));
server.on('mismatch', ({ room, codecs, otherCodecs }) =>
  console.log('no codec in common', room, codecs.join(), 'and', otherCodecs.join()),
);
rtsp.on('publishing', ({ room, participant }) => console.log('camera', room, participant));
rtsp.on('ended', ({ room, participant, reason }) => console.log('ended', room, participant, reason));

const { sip: at } = await server.start();
const port = (await rtsp.start()).rtsp[0]?.port ?? 0;
console.log('listening', JSON.stringify({ sip: at, rtsp: port }));

const end = new AbortController();
const [room, camera] = process.argv.slice(2);
if (room !== undefined && camera !== undefined) void fetchCamera(camera, room, end.signal);
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
end.abort();
rtsp.close();
await server.close({ graceMs: 1000 });

/** Keeps the camera in the room, until it is told not to. */
async function fetchCamera(from: string, into: string, signal: AbortSignal): Promise<void> {
  const to = `rtsp://127.0.0.1:${port}/${encodeURIComponent(into)}/camera`;
  const [input, output] = [
    ['-rtsp_transport', 'tcp', '-i', from],
    ['-c', 'copy', '-f', 'rtsp', '-rtsp_transport', 'tcp', to],
  ];
  for (let retryMs = RETRY_MS; !signal.aborted; retryMs = Math.min(2 * retryMs, RETRY_MS_MAX)) {
    const startMs = performance.now();
    const ffmpeg = spawn('ffmpeg', ['-nostdin', '-loglevel', 'error', ...input, ...output], {
      ...{ signal, stdio: ['ignore', 'inherit', 'pipe'] },
    });
    let words = '';
    ffmpeg.stderr?.setEncoding('utf8').on('data', (text: string) => (words = `${words}${text}`.slice(-500)));
    // A program that is not there is an error, and ends by none of the two others.
    const ended = await Promise.race([once(ffmpeg, 'close'), once(ffmpeg, 'error')]).catch((error: Error) => [
      error.message,
    ]);
    if (signal.aborted) return;
    if (performance.now() - startMs > GOOD_MS) retryMs = RETRY_MS;
    console.error(
      'camera lost:',
      words.trim().split('\n').at(-1) || String(ended[0]),
      'next try in',
      retryMs,
      'ms',
    );
    await pause(retryMs, undefined, { signal }).catch(() => undefined);
  }
}
