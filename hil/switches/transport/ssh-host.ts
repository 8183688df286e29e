import { z } from 'zod';

/** `HOST` or `HOST:PORT`; an IPv6 address with a port stands in brackets. */
export const sshHost = z.string().refine(text => addressOf(text) !== undefined, {
	message: 'expected HOST or HOST:PORT',
});

/** Host and port of what `sshHost` has taken; `usual` when it names none. */
export function sshAddress(text: string, usual = 22): { readonly host: string; readonly port: number } {
	const address = addressOf(text, usual);
	if (!address) throw new TypeError(`${text} is no host`);
	return address;
}

function addressOf(text: string, usual = 22): { host: string; port: number } | undefined {
	if (/^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.:]*$/.test(text)) return { host: text, port: usual };
	const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9][\w.-]*))(?::(\d{1,5}))?$/.exec(text);
	const host = found?.[1] ?? found?.[2];
	const port = Number(found?.[3] ?? usual);
	return host !== undefined && port >= 1 && port <= 65535 ? { host, port } : undefined;
}
