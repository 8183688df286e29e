import test from 'ava';
import { redfishMessage } from './redfish-error.ts';

const resolution = (status: number, code: string): string => {
	const { json } = { json: JSON.parse(String(redfishMessage(status, code, 'text').body)) };
	return json.error['@Message.ExtendedInfo'][0].Resolution;
};

test('each error says what to do next, in the words of its table', t => {
	t.regex(resolution(429, 'TooManyStreams'), /Close one/);
	t.regex(resolution(403, 'DestinationNotAllowed'), /what to write/);
	t.regex(resolution(503, 'BmcBusy'), /ask for less at once/);
	t.regex(resolution(429, 'Throttled'), /Retry-After/);
	t.regex(resolution(503, 'StoreFailed'), /Nothing is wrong with the request/);
	t.regex(resolution(400, 'JsonDuplicateKey'), /Correct the request/);
	t.regex(resolution(400, 'toString'), /Correct the request/);
});
