import type { JsonValue } from '../canonicalise/canonical-request.ts';

/** One entry of a Redfish error's `@Message.ExtendedInfo` (DSP0266, error responses). */
export interface RedfishMessage {
	readonly id: string;
	readonly message: string;
	readonly resolution: string | undefined;
}

/** The messages of a Redfish error's `@Message.ExtendedInfo`; its plain message when it has none. */
export function redfishMessages(body: JsonValue | undefined): RedfishMessage[] {
	const error = member(body, 'error');
	const info = member(error, '@Message.ExtendedInfo') ?? member(body, '@Message.ExtendedInfo');
	const messages = (Array.isArray(info) ? info : []).map(entry => ({
		id: text(member(entry, 'MessageId')) ?? '',
		message: text(member(entry, 'Message')) ?? '',
		resolution: text(member(entry, 'Resolution')),
	}));
	const shown = messages.filter(entry => entry.message !== '');
	if (shown.length) return shown;
	const plain = text(member(error, 'message'));
	return plain ? [{ id: text(member(error, 'code')) ?? '', message: plain, resolution: undefined }] : [];
}

function member(value: JsonValue | undefined, name: string): JsonValue | undefined {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
	return Object.hasOwn(value, name) ? (value as { [key: string]: JsonValue })[name] : undefined;
}

function text(value: JsonValue | undefined): string | undefined {
	return typeof value === 'string' ? value : undefined;
}
