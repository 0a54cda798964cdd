// A part of a text shares its characters, and so keeps the whole of it alive: a tag of 16 letters a description of kilobytes. What a call
// keeps is therefore a text of its own.

/** The same characters, shared with nothing. For the few of a name or an address. */
export function ownText(part: string): string {
  return String.fromCharCode(...Array.from({ length: part.length }, (_, at) => part.charCodeAt(at)));
}
