// The shapes of attack traffic that are seen in the wild, each from sockets of its own. What they say of themselves is all that
// they know of the call: ports, and to those who have read a packet of it, its SSRC and numbers. None has a secret.

/** In the payload of every attack packet that has one, with the shape's name and a semicolon behind it. */
const MARK = 'attack of the lab: ';

const RTP_BYTES = 172;
const SENDER_REPORT = 200;
const SDES = 202;
const CNAME = 1;
const DTLS_HANDSHAKE = 22;

function rtp({ shape, sequence, timestamp = 0, ssrc = 0, payloadBytes = RTP_BYTES - 12, payloadType = 0 }) {
  const packet = Buffer.alloc(12 + payloadBytes);
  packet.fill(`${MARK}${shape};`, 12);
  packet[0] = 0x80;
  packet[1] = payloadType;
  packet.writeUInt16BE(sequence & 0xffff, 2);
  packet.writeUInt32BE(timestamp >>> 0, 4);
  packet.writeUInt32BE(ssrc >>> 0, 8);
  return packet;
}

/** `80 80`: version 2, the marker, payload type 0; and no payload. */
const bare = (sequence, ssrc) => rtp({ sequence, ssrc, payloadBytes: 0, payloadType: 0x80 });

/** A sender report and the CNAME that RTCP wants beside it, in the name of `ssrc`. */
function senderReport(ssrc) {
  const words = `${MARK}reports;`;
  const report = Buffer.alloc(28);
  report.set([0x80, SENDER_REPORT, 0, 6]);
  report.writeUInt32BE(ssrc >>> 0, 4);
  const sdes = Buffer.alloc(8 + 4 * Math.ceil((2 + words.length + 1) / 4));
  sdes.set([0x81, SDES, 0, sdes.length / 4 - 1]);
  sdes.writeUInt32BE(ssrc >>> 0, 4);
  sdes.set([CNAME, words.length], 8);
  sdes.write(words, 10);
  return Buffer.concat([report, sdes]);
}

/** The beginning of a DTLS 1.2 ClientHello, its random bytes the mark. */
function clientHello() {
  const hello = Buffer.alloc(100);
  hello.fill(`${MARK}client-hello;`, 27);
  hello.set([
    DTLS_HANDSHAKE,
    0xfe,
    0xfd,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    87,
    1,
    0,
    0,
    75,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    75,
    0xfe,
    0xfd,
  ]);
  return hello;
}

function portsOf([first, last], parity) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i).filter((port) => port % 2 === parity);
}

/**
 * By name. `site` has `range`, the server's media ports; `target`, the RTP port of the victim's call; `socket()`, a fresh one whose
 * `send(bytes, port)` goes to the server; `every(ms, action)` and `after(ms, action)`; `heard(listener)`, called with each RTP
 * packet of the victim's; `late`, what is left of a call that was closed, and `leftover`, its
 * socket.
 */
export const shapes = {
  /** One socket, even ports in turn, 4 datagrams of 12 bytes a port, 5 to 8 ms apart; and again. */
  scan(site) {
    const socket = site.socket();
    const ports = portsOf(site.range, 0);
    let count = 0;
    const next = () => {
      const port = ports[Math.floor(count / 4) % ports.length];
      socket.send(bare(count % 4, 0), port);
      count++;
      site.after(5 + (count % 4), next);
    };
    next();
  },

  /** Odd ports in turn, 1 ms apart, 4 bytes: too short for RTCP. */
  'odd-ports'(site) {
    const socket = site.socket();
    const ports = portsOf(site.range, 1);
    let count = 0;
    site.every(1, () => socket.send(Buffer.of(0x80, 0, 0, 0), ports[count++ % ports.length]));
  },

  /** One identical packet, over the whole range at once. */
  spray(site) {
    const socket = site.socket();
    const packet = rtp({ shape: 'spray', sequence: 1, timestamp: 160, ssrc: 0xbadbad });
    const ports = portsOf(site.range, 0);
    site.every(10, () => {
      for (const port of ports) socket.send(packet, port);
    });
  },

  /** 8 twelve-byte packets at a time, each time from a fresh port. */
  burst(site) {
    site.every(130, () => {
      const socket = site.socket();
      for (let sequence = 0; sequence < 8; sequence++) socket.send(bare(sequence, 0xbadbad), site.target);
    });
  },

  'client-hello'(site) {
    const socket = site.socket();
    site.every(50, () => socket.send(clientHello(), site.target));
  },

  /** 100 packets at a time whose SRTP tag cannot be right. */
  'bad-srtp'(site) {
    const socket = site.socket();
    let sequence = 0;
    site.every(130, () => {
      for (let i = 0; i < 100; i++)
        socket.send(
          rtp({
            shape: 'bad-srtp',
            sequence: sequence++,
            timestamp: 160 * sequence,
            ssrc: 7,
            payloadBytes: 170,
          }),
          site.target,
        );
    });
  },

  /** The right SSRC and the next sequence numbers: one packet for each of the victim's, ahead of its next. */
  follow(site) {
    const socket = site.socket();
    site.heard(({ port, sequence, timestamp, ssrc, payloadType }) => {
      socket.send(
        rtp({ shape: 'follow', sequence: sequence + 1, timestamp: timestamp + 160, ssrc, payloadType }),
        port,
      );
    });
  },

  /** Sender reports in the victim's name, from elsewhere, to the RTP and the RTCP port. */
  reports(site) {
    const socket = site.socket();
    let count = 0;
    site.heard(({ port, ssrc }) => {
      if (count++ % 3 > 0) return;
      socket.send(senderReport(ssrc), port);
      socket.send(senderReport(ssrc), port + 1);
    });
  },

  /** A stream as a phone's, from one socket, to the port of the call. */
  talk(site) {
    const socket = site.socket();
    let count = 0;
    site.every(20, () => {
      if (site.target === undefined) return;
      count++;
      socket.send(
        rtp({ shape: 'talk', sequence: 1000 + count, timestamp: 160 * count, ssrc: 0x7a1c }),
        site.target,
      );
    });
  },

  /** As `spray`, over one half of the range at a time, half a second each. */
  halves(site) {
    const socket = site.socket();
    const ports = portsOf(site.range, 0);
    let sequence = 0;
    site.every(20, () => {
      const isFirst = sequence % 50 < 25;
      const packet = rtp({ shape: 'halves', sequence, timestamp: 160 * sequence++, ssrc: 0xbadbad });
      for (const port of isFirst ? ports.slice(0, ports.length / 2) : ports.slice(ports.length / 2))
        socket.send(packet, port);
    });
  },

  /** Stragglers of a call that is closed, from its own socket, to the port that the victim's call has now. */
  late(site) {
    const { sequence, timestamp, ssrc } = site.late;
    const socket = site.socket(site.leftover);
    let count = 0;
    // Not in step with the victim's packets, so that some come just after one of them and some just before.
    site.every(23, () => {
      count++;
      socket.send(
        rtp({ shape: 'late', sequence: sequence + count, timestamp: timestamp + 160 * count, ssrc }),
        site.target,
      );
    });
  },
};
