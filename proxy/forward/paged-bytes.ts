/** Is there a link to a next page in these bytes? It may also be one of something inside. */
export const mayBePaged = (body: Buffer): boolean => body.includes('"Members@odata.nextLink"');

/** Where it begins like this, the link to the next page may still come. */
export const mayBeCollection = (start: Buffer): boolean => start.includes('"Members');
