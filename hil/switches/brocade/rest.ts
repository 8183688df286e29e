import { allBelow, parseXml, renderXml, type XmlElement, XmlError } from '../netconf/xml.ts';
import type { HttpsSwitch } from '../transport/https.ts';
import type { HttpsCall } from '../transport/https-exchange.ts';

/** The configuration of Network OS as resources (Brocade Network OS REST API Guide). */
export interface NosRest {
	/** `path` is below `/rest/config/running/`. @returns undefined when there is no such resource */
	get(path: string, signal: AbortSignal): Promise<XmlElement | undefined>;
	/** Makes a resource below another one; one that is there already is fine. */
	create(path: string, document: XmlElement, signal: AbortSignal): Promise<void>;
	put(path: string, document: XmlElement, signal: AbortSignal): Promise<void>;
	/** One that is not there is fine. */
	remove(path: string, signal: AbortSignal): Promise<void>;
}

const mediaType = 'application/vnd.configuration.resource+xml';

export function createNosRest(https: HttpsSwitch): NosRest {
	/** @returns undefined when the status is `known` instead of a success */
	async function ask(
		method: HttpsCall['method'],
		path: string,
		document: XmlElement | undefined,
		known: number | undefined,
		signal: AbortSignal,
	): Promise<XmlElement | undefined> {
		const { status, body } = await https.ask(
			{
				method,
				path: `/rest/config/running/${path}`,
				headers: { accept: mediaType, ...(document && { 'content-type': mediaType }) },
				body: document && renderXml(document),
				isChange: method !== 'GET',
			},
			signal,
		);
		if (status === known) return undefined;
		const answer = body.trim() === '' ? undefined : read(body);
		if (status >= 200 && status < 300) {
			if (method === 'GET' && answer === undefined) throw https.nonsense('it is empty');
			return answer;
		}
		const words = answer && allBelow(answer, 'error-message').map(({ text }) => text);
		if (status >= 500 && !words?.length) throw https.nonsense(`status ${status}`);
		throw https.refusal(`${method} ${decodeURIComponent(path)}`, words?.join(' ') || `status ${status}`);
	}
	function read(body: string): XmlElement {
		try {
			return parseXml(body);
		} catch (fault) {
			if (fault instanceof XmlError) throw https.nonsense(`no XML: ${fault.message}`);
			throw fault;
		}
	}
	return {
		get: (path, signal) => ask('GET', path, undefined, 404, signal),
		async create(path, document, signal) {
			await ask('POST', path, document, 409, signal);
		},
		async put(path, document, signal) {
			await ask('PUT', path, document, undefined, signal);
		},
		async remove(path, signal) {
			await ask('DELETE', path, undefined, 404, signal);
		},
	};
}
