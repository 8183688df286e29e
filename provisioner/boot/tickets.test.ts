import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { createTickets } from './tickets.ts';

const of = { mac: '52:54:00:00:00:01', address: '10.64.0.9', documents: ['a', 'b'] };

test('each document once, from one address, until it is over', t => {
	const clock = new FakeClock();
	const tickets = createTickets({ clock });
	const ticket = tickets.issue({ ...of, lifetime: 1000 });
	t.like(tickets.redeem(ticket, 'a', '10.64.0.8'), { found: false, reason: 'address', mac: of.mac });
	t.like(tickets.redeem(ticket, 'a', of.address), { found: true, mac: of.mac });
	t.like(tickets.redeem(ticket, 'a', of.address), { found: false, reason: 'used', mac: of.mac });
	t.like(tickets.redeem('other', 'b', of.address), { found: false, reason: 'unknown' });
	clock.advance(1001);
	t.like(tickets.redeem(ticket, 'b', of.address), { found: false, reason: 'over' });
	tickets.withdraw(ticket);
	t.like(tickets.redeem(ticket, 'b', of.address), { found: false, reason: 'unknown' });
});

test('what did not arrive can be had again', t => {
	const tickets = createTickets({ clock: new FakeClock() });
	const ticket = tickets.issue(of);
	const first = tickets.redeem(ticket, 'b', of.address);
	if (first.found) first.giveBack();
	t.true(tickets.redeem(ticket, 'b', of.address).found);
	t.not(tickets.issue(of), tickets.issue(of));
});
