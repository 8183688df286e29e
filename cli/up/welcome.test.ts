import test from 'ava';
import type { UpLine } from './demo-site.ts';
import { welcome } from './welcome.ts';

type Provisioner = NonNullable<UpLine['provisioner']>;

const screenWith = (given: Partial<Provisioner>): string => {
	const provisioner = {
		...{ url: 'https://127.0.0.1:5001', ops: 'http://127.0.0.1:5002', boots: false },
		...{ missing: [], missingForBoot: [] },
		...given,
	};
	const line: UpLine = {
		proxy: { url: 'https://127.0.0.1:8443', ops: 'http://127.0.0.1:8444' },
		services: {},
		bmcs: [],
		pdu: { url: 'http://127.0.0.1:8000' },
		operators: [],
		provisioner,
		ca: 'ca.pem',
		state: '.bimetal',
	};
	return welcome(line, 'bimetal', (_style, text) => text);
};

test('what has to be installed is said of what it is for', t => {
	const all = screenWith({});
	t.regex(all, /\(keeps images, clones disks from them\)/);
	t.notRegex(all, /apt-get/);
	const unbooted = screenWith({ missingForBoot: ['tgt', 'ethtool'] });
	t.regex(
		unbooted,
		/\(keeps images, clones disks from them; booting from those needs: apt-get install tgt ethtool\)/,
	);
	t.regex(unbooted, /bimetal disk create scratch/, 'images and disks can be tried');
	const missing = ['qemu-utils'];
	const nothing = screenWith({ missing, missingForBoot: ['tgt'] });
	t.regex(nothing, /\(images and disks need: apt-get install qemu-utils tgt\)/);
	t.notRegex(nothing, /bimetal disk create/);
});
