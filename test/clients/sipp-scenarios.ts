// Scenarios for sipp: what a caller sends that has no secret of any kind, or who is called, and what it expects.

/** One request; sipp fills in what stands in brackets. */
function request(method: string, sequence: number, more: readonly string[], isInDialog = true): string {
  const lines = [
    `${method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0`,
    'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]',
    'From: <sip:alice@[local_ip]:[local_port]>;tag=[call_number]',
    `To: <sip:[service]@[remote_ip]:[remote_port]>${isInDialog ? '[peer_tag_param]' : ''}`,
    'Call-ID: [call_id]',
    `CSeq: ${sequence} ${method}`,
    'Max-Forwards: 70',
    ...more,
  ];
  return `<![CDATA[\n${lines.join('\n')}\n]]>`;
}

const DESCRIPTION = [
  'Content-Type: application/sdp',
  'Content-Length: [len]',
  '',
  'v=0',
  'o=- 1 1 IN IP[local_ip_type] [local_ip]',
  's=-',
  'c=IN IP[media_ip_type] [media_ip]',
  't=0 0',
  'm=audio [rtpstream_audio_port] RTP/AVP 0',
  'a=rtpmap:0 PCMU/8000',
];
const CONTACT = 'Contact: <sip:alice@[local_ip]:[local_port];transport=[transport]>';
const INVITE = request('INVITE', 1, [CONTACT, ...DESCRIPTION], false);
const EMPTY = ['Content-Length: 0', ''];

/** A call to the echo that plays this file of µ-law once, takes a second more, and hangs up. */
export function echoCall(file: string): string {
  return scenario(`<send retrans="500">${INVITE}</send>
    <recv response="100" optional="true" />
    <recv response="200" />
    <send>${request('ACK', 1, EMPTY)}</send>
    <nop><action><exec rtp_stream="${file},1,0,PCMU/8000" /></action></nop>
    <pause milliseconds="3000" />
    <send retrans="500">${request('BYE', 2, EMPTY)}</send>
    <recv response="200" />`);
}

/**
 * A call to the echo that is asked by a re-INVITE to send to another port, which it agrees to or refuses. The file that it plays goes there
 * in either case: sipp takes the port of every description. Without a file somebody else speaks for it.
 */
export function questionedCall(status: '200 OK' | '488 Not Acceptable Here', file?: string): string {
  const question = `<recv request="INVITE" />
    <send retrans="500">${inDialog(status, status === '200 OK' ? DESCRIPTION : EMPTY)}</send>
    <recv request="ACK" />`;
  const play = `<nop><action><exec rtp_stream="${file},1,0,PCMU/8000" /></action></nop>`;
  return scenario(`<send retrans="500">${INVITE}</send>
    <recv response="100" optional="true" />
    <recv response="200" />
    <send>${request('ACK', 1, EMPTY)}</send>
    ${file === undefined ? '' : play}
    ${question}
    <pause milliseconds="5000" />
    <send retrans="500">${request('BYE', 2, EMPTY)}</send>
    <recv response="200" />`);
}

/** A call that must be answered 488, with a Warning of latch. */
export function refusedCall(): string {
  return scenario(`<send retrans="500">${INVITE}</send>
    <recv response="100" optional="true" />
    <recv response="488">
      <action>
        <ereg regexp="latch is required" search_in="hdr" header="Warning:" check_it="true" assign_to="1" />
      </action>
    </recv>
    <send>${request('ACK', 1, EMPTY)}</send>
    <Reference variables="1" />`);
}

/** One response of who is called to the request before. */
function response(status: string, more: readonly string[] = EMPTY): string {
  const lines = [
    `SIP/2.0 ${status}`,
    '[last_Via:]',
    '[last_From:]',
    '[last_To:];tag=[call_number]',
    '[last_Call-ID:]',
    '[last_CSeq:]',
    'Contact: <sip:bob@[local_ip]:[local_port];transport=[transport]>',
    ...more,
  ];
  return `<![CDATA[\n${lines.join('\n')}\n]]>`;
}

/** Where both have a tag. */
function inDialog(status: string, more: readonly string[] = EMPTY): string {
  return response(status, more).replace(';tag=[call_number]', '');
}

/** Rings, answers, plays this file of µ-law once, and is hung up on. */
export function answeredCall(file: string): string {
  return scenario(`<recv request="INVITE" />
    <send>${response('180 Ringing')}</send>
    <send retrans="500">${response('200 OK', DESCRIPTION)}</send>
    <recv request="ACK" />
    <nop><action><exec rtp_stream="${file},1,0,PCMU/8000" /></action></nop>
    <recv request="BYE" />
    <send>${inDialog('200 OK')}</send>`);
}

function scenario(steps: string): string {
  return `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="call">\n${steps}\n</scenario>\n`;
}
