import test from 'ava';
import { parseReport } from './wrk.ts';

const output = `Running 4s test @ https://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.58ms  419.47us  14.93ms   92.31%
    Req/Sec    40.78k     2.21k   43.96k    85.00%
  Latency Distribution
     50%    1.50ms
     75%    1.64ms
     90%    1.88ms
     99%  912.00us
  162384 requests in 4.00s, 357.22MB read
Requests/sec:  40575.92
Transfer/sec:     89.26MB
`;

test('rate, percentiles in milliseconds, failures of every kind', t => {
	t.deepEqual(parseReport(output), { requests: 162384, rate: 40575.92, p50: 1.5, p99: 0.912, failures: 0 });
	const failing = output.replace(
		'Requests/sec',
		'  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 10\nRequests/sec',
	);
	t.is(parseReport(failing).failures, 20);
	t.throws(() => parseReport('unable to connect'), { message: /unable to connect/ });
});
