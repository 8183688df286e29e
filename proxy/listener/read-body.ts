import type { IncomingMessage } from 'node:http';

/**
 * The body's bytes, up to `limit` + 1 of them: one more than allowed is enough to know that it is too long.
 * Rejects when the client breaks off.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		let size = 0;
		request.on('data', (chunk: Buffer) => {
			chunks.push(chunk);
			size += chunk.length;
			if (size > limit) {
				request.pause();
				resolve(Buffer.concat(chunks).subarray(0, limit + 1));
			}
		});
		request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
		request.on('error', reject);
		request.on('close', () => reject(new Error('the client broke off')));
	});
}
