import test from 'ava';
import { z } from 'zod';
import { opsAddress, refuseInTheClear, serviceUrl } from './service-values.ts';

const local = ['127.0.0.1', '127.8.0.1', 'localhost', '[::1]'];
const away = ['10.0.0.7', '0.0.0.0', '[::]', '[::2]', 'localhost.example', '127.0.0.1.example'];

test('passwords are sent in the clear to this machine alone', t => {
	for (const host of local) t.true(serviceUrl.safeParse(`http://${host}:5000`).success, host);
	for (const host of away) {
		t.true(serviceUrl.safeParse(`https://${host}:5000`).success, host);
		const { error } = serviceUrl.safeParse(`http://${host}:5000`);
		t.regex(error?.issues[0]?.message ?? '', /passwords would cross the network/, host);
	}
	for (const text of ['ftp://127.0.0.1', 'nonsense', 'http://1127.0.0.1:5000', ''])
		t.false(serviceUrl.safeParse(text).success, text);
});

test('a service without TLS listens on this machine alone', t => {
	const site = z
		.strictObject({ listen: opsAddress, tls: z.string().optional() })
		.superRefine(refuseInTheClear);
	const at = (host: string, tls?: string) => site.safeParse({ listen: { host, port: 1 }, tls });
	for (const host of [...local, '::1']) t.true(at(host).success, host);
	for (const host of [...away, '::']) {
		t.true(at(host, 'a certificate').success, host);
		t.deepEqual(at(host).error?.issues[0]?.path, ['listen', 'host'], host);
	}
	t.deepEqual(site.parse({ listen: undefined }).listen, { host: '127.0.0.1', port: 0 });
});
