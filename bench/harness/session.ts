import assert from 'node:assert/strict';
import { Agent, request } from 'undici';
import type { TestTls } from '../../test/site-folder.ts';

/** Logs in as a Redfish client does. @returns the token; throws unless a session was opened. */
export async function openSession(
	origin: string,
	tls: TestTls,
	UserName: string,
	Password: string,
): Promise<string> {
	const dispatcher = new Agent({ connect: { ca: tls.ca } });
	try {
		const { statusCode, headers, body } = await request(`${origin}/redfish/v1/SessionService/Sessions`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ UserName, Password }),
			dispatcher,
		});
		const text = await body.text();
		assert.equal(statusCode, 201, `${origin} opened no session: ${statusCode} ${text}`);
		return String(headers['x-auth-token']);
	} finally {
		await dispatcher.close();
	}
}
