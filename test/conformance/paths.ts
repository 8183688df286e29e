/** A Location as a path on the service, whichever form it has. */
export const pathOf = (location: string | string[] | undefined): string =>
	String(location).replace(/^https?:\/\/[^/]*/, '');
