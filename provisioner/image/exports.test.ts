import test from 'ava';
import { actor } from '../provisioner.fixture.ts';
import { createExports } from './exports.ts';

const [root, alice, bob, carol] = [
	actor('root'),
	actor('alice', 'red'),
	actor('bob', 'blue'),
	actor('carol', 'red', 'blue'),
];
const refused = { code: 'TooManyExports' };

test('a project has so many at once, and all together so many', t => {
	const exports = createExports({ ofProject: 2, ofAll: 3 });
	const end = exports.begin(alice, 'red');
	exports.begin(carol, 'red');
	const fault = t.throws(() => exports.begin(alice, 'red'), refused);
	t.is((fault as { retryAfterSeconds?: number }).retryAfterSeconds, 10);
	const endOther = exports.begin(carol, 'blue');
	t.throws(() => exports.begin(root, 'green'), { ...refused, message: /3 exports of this site/ });
	end();
	end();
	exports.begin(alice, 'red');
	t.throws(() => exports.begin(bob, 'blue'), refused, 'given back twice, it was one');
	endOther();
	t.notThrows(() => exports.begin(bob, 'blue'));
});

test("another project's public image counts for who asks, not for whose it is", t => {
	const exports = createExports({ ofProject: 1, ofAll: 9 });
	exports.begin(bob, 'red');
	t.throws(() => exports.begin(bob, 'green'), refused);
	t.notThrows(() => exports.begin(alice, 'red'));
	exports.begin(root, 'red');
	t.throws(() => exports.begin(root, 'blue'), refused);
});
