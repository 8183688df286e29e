import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { isObject, type JsonObject } from './resource-type.ts';

const messageId = /^[A-Za-z0-9]{1,64}(?:\.[A-Za-z0-9]{1,64}){1,5}$/;
const severities = ['OK', 'Warning', 'Critical'];
const maxMessages = 100;

/** The lists of messages that may stand in a resource (DSP0266, "Extended information"; Task.Messages). */
export function isMessageList(key: string, value: JsonValue | undefined): value is readonly JsonValue[] {
	return Array.isArray(value) && (key === 'Messages' || key.endsWith('@Message.ExtendedInfo'));
}

/**
 * Messages of a BMC as somebody may see them from whom something is hidden. Their text, arguments and related
 * properties can tell of anything, so that of each only its id and severity stay, and those arguments that the client
 * has sent itself (`said`). What is left does not depend on what is hidden.
 */
export function hideMessageTexts(messages: readonly JsonValue[], said: ReadonlySet<string>): JsonValue[] {
	return messages
		.slice(0, maxMessages)
		.flatMap(message => (isObject(message) ? [hideText(message, said)] : []));
}

function hideText(message: JsonObject, said: ReadonlySet<string>): JsonObject {
	const { MessageId: given, MessageArgs: args, MessageSeverity, Severity } = message;
	const id = typeof given === 'string' && messageId.test(given) ? given : 'Base.1.19.GeneralError';
	const known =
		Array.isArray(args) && args.every(arg => typeof arg === 'string' && said.has(arg)) ? args : [];
	const severity = [MessageSeverity, Severity].find(value => severities.includes(String(value))) ?? 'Warning';
	const name = id.slice(id.lastIndexOf('.') + 1);
	return {
		'@odata.type': '#Message.v1_1_1.Message',
		MessageId: id,
		Message: known.length > 0 ? `${name}: ${known.join(', ')}` : name,
		MessageArgs: known,
		MessageSeverity: severity,
		Resolution:
			"The BMC's own words are left out, since they may tell of what a policy hides. Look the MessageId up.",
	};
}

/** An error body (DSP0266, "Error responses"), or an answer of messages alone, for somebody from whom something is hidden. */
export function hideErrorTexts(body: JsonValue, said: ReadonlySet<string>): JsonValue {
	if (!isObject(body)) return {};
	const hidden: { [key: string]: JsonValue } = {};
	for (const [key, value] of Object.entries(body)) {
		if (key === 'error' && isObject(value)) {
			const info = value['@Message.ExtendedInfo'];
			const first = { MessageId: value.code ?? null };
			const messages = hideMessageTexts(Array.isArray(info) && info.length > 0 ? info : [first], said);
			const [main] = messages;
			hidden.error = {
				...(isObject(main) && { code: main.MessageId, message: main.Message }),
				'@Message.ExtendedInfo': messages,
			} as JsonObject;
		} else if (isMessageList(key, value)) hidden[key] = hideMessageTexts(value, said);
	}
	return hidden;
}

/** What a client has said itself: names and values of its body, and the segments of its path. */
export function saidBy(request: {
	readonly segments: readonly string[];
	readonly body: JsonValue | undefined;
}): Set<string> {
	const said = new Set(request.segments);
	const collect = (value: JsonValue | undefined): void => {
		if (Array.isArray(value)) for (const element of value) collect(element);
		else if (isObject(value)) {
			for (const [name, child] of Object.entries(value)) {
				said.add(name);
				collect(child);
			}
		} else if (value !== undefined) said.add(String(value));
	};
	collect(request.body);
	return said;
}
