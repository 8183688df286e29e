import test from 'ava';
import fc from 'fast-check';
import { createLogger, type Logger, silentLogger } from './logger.ts';
import { isSecretName } from './secrets.ts';

function recorder(): { logger: Logger; text: () => string; lines: () => Record<string, unknown>[] } {
	const written: string[] = [];
	const logger = createLogger({
		service: 'proxy',
		level: 'debug',
		destination: { write: line => void written.push(line) },
	});
	return {
		logger,
		text: () => written.join(''),
		lines: () => written.map(line => JSON.parse(line) as Record<string, unknown>),
	};
}

const SECRET = 'hunter2hunter2';
const NAMES = [
	'authorization',
	'Authorization',
	'X-Auth-Token',
	'x_auth_token',
	'Cookie',
	'set-cookie',
	'X-XSRF-TOKEN',
	'password',
	'Password',
	'newPassword',
	'token',
	'secret',
	'clientSecret',
	'privateKey',
	'PRIVATE_KEY',
	'credentials',
	'passwordHash',
];

test('a line is JSON with the service, the level, the time, the fields and the message', t => {
	const { logger, lines } = recorder();
	logger.child({ bmc: 'node1' }).warn({ ms: 12, status: 502, 'a b': [1, null, true] }, 'slow: 100%s');
	const { time, ...rest } = lines()[0] ?? {};
	t.deepEqual(rest, {
		level: 'warn',
		service: 'proxy',
		bmc: 'node1',
		ms: 12,
		status: 502,
		'a b': [1, null, true],
		msg: 'slow: 100%s',
	});
	t.false(Number.isNaN(Date.parse(String(time))));
});

test('property: a value under a secret name, at any depth and in any container, never shows', t => {
	const leaf = fc.oneof(fc.constant(SECRET), fc.constant([SECRET]), fc.constant({ any: SECRET }));
	const secret = fc.oneof(
		fc.tuple(fc.constantFrom(...NAMES), leaf).map(([name, value]) => ({ [name]: value })),
		fc.constantFrom(...NAMES).map(name => ['Host', 'bmc', name, SECRET]),
		fc.constantFrom(...NAMES).map(name => new Map([[name, SECRET]])),
		fc.constantFrom(...NAMES).map(name => new Headers({ [name]: SECRET })),
		fc.constantFrom(...NAMES).map(name => new Error(`sent ${name}: ${SECRET}`)),
		fc.constantFrom(...NAMES).map(name => Object.assign(new Error('x'), { body: { [name]: SECRET } })),
		fc.constantFrom(...NAMES).map(name => new Error('x', { cause: { [name]: SECRET } })),
		fc.constantFrom(...NAMES).map(name => JSON.stringify({ [name]: SECRET })),
		fc.constant({ toJSON: () => ({ password: SECRET }) }),
		fc.constant(`/redfish/v1/x?password=${SECRET}&$top=${SECRET}`),
		fc.constant(`https://root:${SECRET}@127.0.0.1/`),
		fc.constant(new URL(`https://root:${SECRET}@127.0.0.1/?a=${SECRET}`)),
		fc.constant(`Basic ${SECRET}`),
		fc.constant(`-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----`),
		fc.constant(Buffer.from(SECRET)),
	);
	const wrapped = fc.letrec<{ any: unknown }>(tie => ({
		any: fc.oneof(
			{ maxDepth: 6 },
			secret,
			fc.tuple(fc.jsonValue({ maxDepth: 1 }), tie('any')),
			fc.record({ body: tie('any'), other: fc.jsonValue({ maxDepth: 1 }) }),
			fc.array(tie('any'), { maxLength: 3 }),
		),
	}));
	fc.assert(
		fc.property(wrapped.any, value => {
			const { logger, text } = recorder();
			logger.info({ value }, 'asked');
			logger.child({ value }).error({ err: value }, 'failed');
			t.false(text().includes(SECRET), text());
		}),
		{ numRuns: 500 },
	);
});

test('an error keeps its code, message, stack and cause, and nothing that came with it', t => {
	const { logger, lines } = recorder();
	const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
	const err = Object.assign(new Error('no answer', { cause }), { code: 'BmcUnreachable', body: 'private' });
	logger.error({ err }, 'failed');
	const shown = lines()[0]?.err as Record<string, unknown>;
	t.like(shown, {
		type: 'Error',
		code: 'BmcUnreachable',
		message: 'no answer',
		cause: { code: 'ECONNREFUSED' },
	});
	t.regex(String(shown.stack), /logger\.test\.[jt]s/);
	t.false('body' in shown);
});

test('what an operator needs to see stays: paths, policies, names that merely resemble', t => {
	const { logger, lines } = recorder();
	const fields = {
		target: '/redfish/v1/Systems/system',
		expression: 'COUNT(External.Servers.State=="Up")>=6',
		authorizations: ['HSO'],
		keys: 3,
	};
	logger.info(fields, 'decided: COUNT(External.Servers.State=="Up") is 5');
	t.like(lines()[0], { ...fields, msg: 'decided: COUNT(External.Servers.State=="Up") is 5' });
	t.false(isSecretName('authorizations') || isSecretName('tokenizer') || isSecretName('key'));
});

test('nothing that is logged can make logging fail', t => {
	const { logger, lines } = recorder();
	const circular: Record<string, unknown> = {};
	circular.self = circular;
	const throwing = Object.defineProperty({}, 'x', { enumerable: true, get: () => fail() });
	const deep = JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`) as unknown;
	logger.info(
		{ circular, throwing, deep, big: 10n, fn: () => 1, sym: Symbol('s'), nothing: undefined },
		'odd',
	);
	t.like(lines()[0], { circular: { self: '[circular]' }, throwing: '[unreadable]', big: '10', msg: 'odd' });
	t.notThrows(() => silentLogger.child({}).info('x'));
});

function fail(): never {
	throw new Error('read');
}
