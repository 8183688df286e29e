import { eventErrors } from './errors.ts';

/**
 * `bimetal/<service>/<kind>/<id>`: how every topic of the project reads.
 * @throws BimetalError TopicInvalid when a part is empty or holds one of `/`, `+`, `#` or a control character.
 */
export function topicOf(service: string, kind: string, id: string): string {
	for (const part of [service, kind, id]) {
		if (!isPart(part)) throw eventErrors.TopicInvalid(`${JSON.stringify(part)} cannot stand in a topic`);
	}
	return `bimetal/${service}/${kind}/${id}`;
}

/** Whether a pattern is well formed: `+` and `#` stand alone in their level, `#` only in the last (MQTT 3.1.1, 4.7.1). */
export function isTopicPattern(pattern: string): boolean {
	const levels = pattern.split('/');
	return (
		pattern.length > 0 &&
		pattern.length <= 500 &&
		levels.every(
			(level, index) => isPart(level) || level === '+' || (level === '#' && index === levels.length - 1),
		)
	);
}

/** Whether a message to `topic` reaches a subscription to `pattern`. `#` also matches its parent level. */
export function matchesTopic(pattern: string, topic: string): boolean {
	return !/[+#]/.test(topic) && coversPattern(pattern, topic);
}

/**
 * Whether everything that `requested` matches is matched by `allowed`: what an access list needs, since a
 * subscription to `bimetal/#` must not pass where only `bimetal/pdu/#` is allowed. A wildcard in the first
 * level matches no topic that begins with `$` (MQTT 3.1.1, 4.7.2).
 */
export function coversPattern(allowed: string, requested: string): boolean {
	const allow = allowed.split('/');
	const request = requested.split('/');
	if (/^[+#]/.test(allowed) && requested.startsWith('$')) return false;
	for (const [index, level] of allow.entries()) {
		if (level === '#') return true;
		const wanted = request[index];
		if (wanted === undefined || wanted === '#') return false;
		if (level !== '+' && level !== wanted) return false;
		// `a/b` is matched by `a/b/#`, so the request may be one level shorter than a pattern that ends in `#`.
		if (index === request.length - 1 && index === allow.length - 2) return allow[index + 1] === '#';
	}
	return allow.length === request.length;
}

function isPart(part: string): boolean {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: MQTT forbids them (3.1.1, 1.5.3)
	return part.length > 0 && !/[/+#\u0000-\u001f\u007f]/.test(part);
}
