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
 * properties can tell of anything, so that of each only its id and severity stay. Showing at least what the client has
 * said itself would confirm its guesses.
 * @param about what the messages can be about, as far as the client knows: names that it has sent
 */
export function hideMessageTexts(messages: readonly JsonValue[], about: readonly string[] = []): JsonValue[] {
	return messages
		.slice(0, maxMessages)
		.flatMap(message => (isObject(message) ? [hideText(message, about)] : []));
}

function hideText(message: JsonObject, about: readonly string[]): JsonObject {
	const { MessageId: given, MessageSeverity, Severity } = message;
	const id = typeof given === 'string' && messageId.test(given) ? given : 'Base.1.19.GeneralError';
	const severity = [MessageSeverity, Severity].find(value => severities.includes(String(value))) ?? 'Warning';
	const name = id.slice(id.lastIndexOf('.') + 1);
	return {
		'@odata.type': '#Message.v1_1_1.Message',
		MessageId: id,
		Message: about.length > 0 ? `${name} (the request names ${about.join(', ')})` : name,
		MessageArgs: [],
		MessageSeverity: severity,
		Resolution:
			"The BMC's own words are left out, since they may tell of what a policy hides. Look the MessageId up.",
	};
}

/** An error body (DSP0266, "Error responses"), or an answer of messages alone, for somebody from whom something is hidden. */
export function hideErrorTexts(body: JsonValue, about: readonly string[]): JsonValue {
	if (!isObject(body)) return {};
	const hidden: { [key: string]: JsonValue } = {};
	for (const [key, value] of Object.entries(body)) {
		if (key === 'error' && isObject(value)) {
			const info = value['@Message.ExtendedInfo'];
			const first = { MessageId: value.code ?? null };
			const messages = hideMessageTexts(Array.isArray(info) && info.length > 0 ? info : [first], about);
			const [main] = messages;
			hidden.error = {
				...(isObject(main) && { code: main.MessageId, message: main.Message }),
				'@Message.ExtendedInfo': messages,
			} as JsonObject;
		} else if (isMessageList(key, value)) hidden[key] = hideMessageTexts(value, about);
	}
	return hidden;
}

/** The properties that a client names in its body, the first few. */
export function namesIn(body: JsonValue | undefined): string[] {
	return isObject(body) ? Object.keys(body).slice(0, 10) : [];
}
