import test from 'ava';
import { buildAirlockImage } from './airlock-image.ts';

// What they become is the text of a shell's file, and the airlock asks no name server.
for (const wrong of [
	'http://10.9.0.1:5003',
	'https://attest.example:5003',
	'https://10.9.0.1:5003/registrar',
	'https://user:word@10.9.0.1:5003',
	'https://10.9.0.1:5003?x=$(reboot)',
	'10.9.0.1:5003',
	'',
])
	test(`an airlock that would ask ${wrong || 'nobody'} is not built`, async t => {
		const good = 'https://10.9.0.1:5003';
		for (const services of [
			{ registrar: wrong, verifier: good },
			{ registrar: good, verifier: wrong },
		])
			await t.throwsAsync(buildAirlockImage({ ...services, authorities: '' }), { code: 'AirlockUnfit' });
	});
