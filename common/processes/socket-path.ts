import path from 'node:path';

/**
 * A UNIX socket's path by whichever name is shorter, from the root or from the working folder: there is room for 107
 * bytes only (unix(7)).
 */
export function socketPath(file: string): string {
	const absolute = path.resolve(file);
	const relative = path.relative(process.cwd(), absolute);
	return relative.length < absolute.length ? relative : absolute;
}
