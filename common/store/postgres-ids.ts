/** Ids as the tables have them: UTF-16 code units, big-endian, so that they sort as everywhere else. */
export const toBytes = (id: string): Buffer => Buffer.from(id, 'utf16le').swap16();
export const toText = (id: Buffer): string => Buffer.from(id).swap16().toString('utf16le');
